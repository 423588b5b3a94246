package e2e

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ctop/internal/lab"
	"ctop/tracker"
)

// uses are uses of an interface by the machine that a tracker in the wire would
// break.
var uses = []struct {
	name, want string
	begin      func(t *testing.T, port string)
}{
	{"address", "has the address 192.0.2.1/24", func(t *testing.T, port string) {
		ip(t, "address", "add", "192.0.2.1/24", "dev", port)
	}},
	{"IPv6 address", "has the address 2001:db8::1/64", func(t *testing.T, port string) {
		ip(t, "address", "add", "2001:db8::1/64", "dev", port, "nodad")
	}},
	{"default route", "has the route default", func(t *testing.T, port string) {
		ip(t, "route", "add", "default", "dev", port)
	}},
	{"route of another table", "has the route 198.51.100.0/24", func(t *testing.T, port string) {
		ip(t, "route", "add", "198.51.100.0/24", "dev", port, "table", "1000")
	}},
	{"bridge", "is a port of the bridge br0", func(t *testing.T, port string) {
		ip(t, "link", "add", "br0", "type", "bridge")
		t.Cleanup(func() { ip(t, "link", "delete", "br0") })
		ip(t, "link", "set", port, "master", "br0")
	}},
	{"macvlan", "carries mac0, which has the address 192.0.2.1/24", func(t *testing.T, port string) {
		ip(t, "link", "add", "mac0", "link", port, "type", "macvlan")
		ip(t, "address", "add", "192.0.2.1/24", "dev", "mac0")
	}},
}

// Every command that attaches refuses an interface that the machine uses. One
// line names the interface, the use and the remedy. Nothing is attached.
func TestGuard(t *testing.T) {
	for _, use := range uses {
		t.Run(use.name, func(t *testing.T) {
			l, ctx := newLab(t)
			before := offloads(t, l)
			use.begin(t, l.Server.Port())
			o := runUnder(ctx, t, nil, "--dump", "--for", "100ms", l.Client.Port(), l.Server.Port())
			for _, word := range []string{l.Server.Port(), use.want, "--watch " + l.Server.Port(), "--force"} {
				o.refused(t, word)
			}
			checkDetached(t, l)
			if after := offloads(t, l); after != before {
				t.Errorf("offloads are %v, they were %v", after, before)
			}
		})
	}
	l, ctx := newLab(t)
	for _, port := range []string{"br0", "br1"} {
		ip(t, "link", "add", port, "type", "bridge")
		t.Cleanup(func() { ip(t, "link", "delete", port) })
	}
	ip(t, "link", "set", l.Server.Port(), "master", "br0")
	runUnder(ctx, t, nil, "--dump", "--for", "100ms", "br0", "br1").refused(t, "attach to br0: the machine uses it: it has the port "+l.Server.Port())
	ip(t, "link", "set", l.Server.Port(), "nomaster")
	uses[0].begin(t, l.Client.Port())
	for _, args := range [][]string{
		{"serve"}, {"events"}, {"--trace", ""}, {"record", filepath.Join(t.TempDir(), "night.ctop")},
	} {
		o := runUnder(ctx, t, nil, slices.Concat(args, []string{l.Client.Port(), l.Server.Port()})...)
		if !strings.Contains(o.stderr, uses[0].want) || o.status != 1 {
			t.Errorf("%v: exit status %d, %q", args, o.status, o.stderr)
		}
	}
	checkDetached(t, l)
}

// --force attaches and says so, and does not warn again. A running tracker is
// joined, whatever the machine's use.
func TestForce(t *testing.T) {
	l, ctx := newLab(t)
	uses[0].begin(t, l.Client.Port())
	ports := []string{l.Client.Port(), l.Server.Port()}
	for _, under := range [][]string{nil, {"env", "CTOP_FORCE=true"}} {
		args := []string{"--dump", "--for", "100ms", "-o", "json"}
		if under == nil {
			args = append(args, "--force")
		}
		o := runUnder(ctx, t, under, append(args, ports...)...)
		if o.status != 0 || !strings.Contains(o.stderr, "forced: "+ports[0]+" has the address 192.0.2.1/24") ||
			!strings.Contains(o.stdout, `"warnings": []`) {
			t.Errorf("exit status %d, %q, %s", o.status, o.stderr, o.stdout)
		}
	}
	ip(t, "address", "flush", "dev", ports[0])
	cmd := started(ctx, t, l)
	defer func() { _ = cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }()
	uses[0].begin(t, ports[0])
	o := runUnder(ctx, t, nil, append([]string{"--dump", "-o", "json"}, ports...)...)
	if o.status != 0 || !strings.Contains(o.stdout, "answers nobody") {
		t.Errorf("joined: exit status %d, %q, %s", o.status, o.stderr, o.stdout)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	o = runUnder(ctx, t, nil, append([]string{"events", "--for", "100ms"}, ports...)...)
	if o.status != 0 {
		t.Errorf("taken over: exit status %d, %q", o.status, o.stderr)
	}
	if o := runUnder(ctx, t, nil, append([]string{"down"}, ports...)...); o.status != 0 {
		t.Errorf("down: %q", o.stderr)
	}
	checkDetached(t, l)
}

// The machine starts to use an interface in service: this is reported while it
// lasts, and the tracker stays.
func TestUseLater(t *testing.T) {
	r := newRig(t, tracker.Options{})
	port := r.Client.Port()
	ip(t, "address", "add", "192.0.2.1/24", "dev", port)
	r.eventually("it says so", func() bool { return r.warns(port + " has the address 192.0.2.1/24") })
	if use := r.collector.Snapshot().Interfaces[0].Use; use != "has the address 192.0.2.1/24" {
		t.Errorf("use is %q", use)
	}
	ip(t, "address", "delete", "192.0.2.1/24", "dev", port)
	r.eventually("no warning", func() bool { return len(r.collector.Snapshot().Warnings) == 0 })
	ip(t, "link", "add", "br1", "type", "bridge")
	t.Cleanup(func() { ip(t, "link", "delete", "br1") })
	ip(t, "link", "set", port, "master", "br1")
	r.eventually("it says so", func() bool { return r.warns(port + " is a port of the bridge br1") })
	if err := lab.WaitPing(r.ctx, r.Client, r.Server.Addr4()); err != nil {
		t.Errorf("nothing passes any more: %v", err)
	}
}

// An SSH session on an interface with only the kernel's own address is found by
// the variable, or, if sudo dropped that, by the server's socket.
func TestGuardSession(t *testing.T) {
	l, ctx := newLab(t)
	port := l.Server.Port()
	ip(t, "address", "add", "fe80::1/64", "dev", port, "nodad")
	dump := []string{"--dump", "--for", "100ms", l.Client.Port(), port}
	if o := runUnder(ctx, t, []string{"env", "-u", "SSH_CONNECTION"}, dump...); o.status != 0 {
		t.Fatalf("exit status %d, %q", o.status, o.stderr)
	}
	variable := "SSH_CONNECTION=fe80::2%" + port + " 50000 fe80::1%" + port + " 22"
	runUnder(ctx, t, []string{"env", variable}, dump...).refused(t, port+": the machine uses it: it carries this SSH session")

	listener := linkLocalListener(t, l)
	// bash opens a connection and takes the name of a server.
	server := fmt.Sprintf("exec 3<>/dev/tcp/fe80::2%%%s/%d && echo -n sshd >/proc/$$/comm && \"$@\"; exit $?",
		port, listener.Addr().(*net.TCPAddr).Port)
	under := []string{"env", "-u", "SSH_CONNECTION", "bash", "-c", server, "bash"}
	runUnder(ctx, t, under, dump...).refused(t, "it carries this SSH session")
	checkDetached(t, l)
}

// linkLocalListener listens at fe80::2 in the server's host.
func linkLocalListener(t *testing.T, l *lab.Lab) net.Listener {
	t.Helper()
	if out, err := l.Server.Command(t.Context(), "ip", "address", "add", "fe80::2/64", "dev", l.Server.Link(), "nodad").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	listener, err := l.Server.Listen(t.Context(), "tcp", "[fe80::2%"+l.Server.Link()+"]:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// An interface without a link header is refused like a loopback interface, even
// with --force: nothing on it would be tracked.
func TestNoLinkHeader(t *testing.T) {
	l, ctx := newLab(t)
	ip(t, "tuntap", "add", "dev", "tun7", "mode", "tun")
	t.Cleanup(func() { ip(t, "link", "delete", "tun7") })
	for _, args := range [][]string{nil, {"--force"}, {"--mode", "tc"}} {
		o := runUnder(ctx, t, nil, slices.Concat([]string{"--dump", "--for", "100ms"}, args, []string{l.Client.Port(), "tun7"})...)
		if o.status != 2 || !strings.Contains(o.stderr, "attach to tun7: it does not carry Ethernet frames") {
			t.Errorf("%v: exit status %d, %q", args, o.status, o.stderr)
		}
	}
	checkDetached(t, l)
}
