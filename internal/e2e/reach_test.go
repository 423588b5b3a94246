package e2e

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/lab"
)

// inMiddle moves the ports of a lab to a named network namespace, and returns
// the command that runs others there as operators do: in its own mount
// namespace, without a BPF file system. journals is the directory in which
// changes of a tracker are then recorded.
func inMiddle(t *testing.T, l *lab.Lab) (under []string, journals string) {
	t.Helper()
	ip(t, "netns", "add", "middle")
	journals = "/run/ctop/" + cookieOf(t, "/run/netns/middle")
	t.Cleanup(func() { ip(t, "netns", "del", "middle") })
	for _, port := range []string{l.Client.Port(), l.Server.Port()} {
		ip(t, "link", "set", port, "netns", "middle")
		ip(t, "-n", "middle", "link", "set", port, "up")
	}
	return []string{"ip", "netns", "exec", "middle"}, journals
}

// cookieOf returns the kernel's number of a network namespace.
func cookieOf(t *testing.T, path string) string {
	t.Helper()
	type answer struct {
		cookie uint64
		err    error
	}
	result := make(chan answer)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		result <- func() (a answer) {
			var ns, socket int
			if ns, a.err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0); a.err != nil {
				return a
			}
			defer unix.Close(ns)
			if a.err = unix.Setns(ns, unix.CLONE_NEWNET); a.err != nil {
				return a
			}
			if socket, a.err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); a.err != nil {
				return a
			}
			defer unix.Close(socket)
			a.cookie, a.err = unix.GetsockoptUint64(socket, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
			return a
		}()
	}()
	a := <-result
	if a.err != nil {
		t.Fatal(a.err)
	}
	return strconv.FormatUint(a.cookie, 16)
}

// startUnder runs a tracker between the hosts by another command, and waits
// until it forwards.
func startUnder(ctx context.Context, t *testing.T, l *lab.Lab, under []string, args ...string) (cmd *lab.Cmd, log *said) {
	t.Helper()
	path, err := ctopBinary()
	if err != nil {
		t.Fatal(err)
	}
	line := slices.Concat(under, []string{path}, args, []string{l.Client.Port(), l.Server.Port()})
	cmd, log = lab.Command(ctx, line[0], line[1:]...), &said{}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	waiting, cancel := context.WithTimeout(ctx, waitTimeout)
	defer cancel()
	if err := lab.WaitPing(waiting, l.Client, l.Server.Addr4()); err != nil {
		t.Fatalf("%v; the log: %s", err, log.end())
	}
	return cmd, log
}

// Each "ip netns exec" has its own mount namespace, whose BPF file system ctop mounts, or
// somebody else. A second ctop still joins, down detaches, and down and the next ctop
// restore the settings that a killed one had changed.
func TestAnotherMountNamespace(t *testing.T) {
	for name, mount := range map[string][]string{
		"mounted by ctop": nil,
		"mounted by hand": {"sh", "-c", `mount -t bpf bpf /sys/fs/bpf && exec "$0" "$@"`},
	} {
		t.Run(name, func(t *testing.T) {
			l, ctx := newLab(t)
			under, journals := inMiddle(t, l)
			reachAndRestore(ctx, t, l, slices.Concat(under, mount), journals)
		})
	}
}

// reachAndRestore uses a tracker from mount namespaces that a command makes.
func reachAndRestore(ctx context.Context, t *testing.T, l *lab.Lab, under []string, journals string) {
	t.Helper()
	before := offloads(t, l)
	ports := []string{l.Client.Port(), l.Server.Port()}
	restored := func(what string) {
		t.Helper()
		if after := offloads(t, l); after != before {
			t.Errorf("%s: offloads are %v, they were %v", what, after, before)
		}
		if _, err := os.Stat(journals); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %s is left: %v", what, journals, err)
		}
	}
	run := func(args ...string) outcome {
		t.Helper()
		o := runUnder(ctx, t, under, args...)
		if o.status != 0 {
			t.Errorf("ctop %s: exit status %d, %q", strings.Join(args, " "), o.status, o.stderr)
		}
		return o
	}
	cmd, _ := startUnder(ctx, t, l, under, "events")
	if offloads(t, l) == before {
		t.Fatal("it changes nothing: this tells nothing")
	}
	for _, args := range [][]string{{"--dump", "-o", "json"}, append([]string{"--dump", "-o", "json"}, ports...)} {
		if err := lab.WaitPing(ctx, l.Client, l.Server.Addr4()); err != nil { // the flow of an earlier one may have expired
			t.Error(err)
		}
		if o := run(args...); !strings.Contains(o.stdout, `"proto":"icmp"`) {
			t.Errorf("ctop %s shows no flow: %s", strings.Join(args, " "), o.stdout)
		}
	}
	run(append([]string{"down"}, ports...)...)
	if err := cmd.Wait(); err == nil {
		t.Error("the owner does not say that its tracker was detached")
	}
	restored("after down")

	for _, next := range [][]string{{"down"}, {"--dump", "--for", "100ms"}} {
		cmd, _ = startUnder(ctx, t, l, under, "events")
		_ = cmd.Process.Signal(unix.SIGKILL)
		_ = cmd.Wait()
		if offloads(t, l) == before {
			t.Error("the kernel has put back what was changed: this tells nothing")
		}
		o := run(slices.Concat(next, ports)...)
		if next[0] != "down" && !strings.Contains(o.stderr, "put back") {
			t.Errorf("it does not say what it put back: %q", o.stderr)
		}
		restored("after a kill and " + next[0])
	}
}

// The pins of a tracker are in another mount namespace: a process that joined
// from elsewhere inherits it with that namespace.
func TestHeirInAnotherMountNamespace(t *testing.T) {
	l, ctx := newLab(t)
	before := offloads(t, l)
	under, journals := inMiddle(t, l)
	owner, _ := startUnder(ctx, t, l, under, "serve")
	heir, log := startUnder(ctx, t, l, under, "serve")
	for deadline := time.Now().Add(waitTimeout); !strings.Contains(log.String(), "msg=serving"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not serve: %s", log.end())
		}
	}
	if err := errors.Join(owner.Process.Signal(unix.SIGTERM), owner.Wait()); err != nil {
		t.Error(err)
	}
	if _, err := lab.Ping(ctx, l.Client, l.Server.Addr4()); err != nil {
		t.Errorf("the heir does not forward: %v; the log: %s", err, log.end())
	}
	if err := errors.Join(heir.Process.Signal(unix.SIGTERM), heir.Wait()); err != nil {
		t.Errorf("%v; the log: %s", err, log.end())
	}
	if after := offloads(t, l); after != before {
		t.Errorf("offloads are %v, they were %v", after, before)
	}
	if _, err := os.Stat(journals); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: %v", journals, err)
	}
}

// A tracker without reachable pins: its programs are not reported as foreign,
// and nobody is told to detach them.
func TestOutOfReach(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			l, ctx := newLab(t)
			before := offloads(t, l)
			ports := []string{l.Client.Port(), l.Server.Port()}
			cmd, log := startUnder(ctx, t, l, []string{"unshare", "--mount", "sh", "-c", `mount -t bpf -o ro bpf /sys/fs/bpf && exec "$0" "$@"`}, "events", "--mode", mode.String())
			(&serving{t: t, log: log}).eventually("it says that it has no pins", func() bool { // once it forwards
				return strings.Contains(log.String(), "without pins")
			})
			for _, args := range [][]string{{"--dump"}, append([]string{"--dump"}, ports...), append([]string{"down"}, ports...)} {
				o := runUnder(ctx, t, nil, args...)
				o.refused(t, "nsenter")
				if strings.Contains(o.stderr, "detach it first") {
					t.Errorf("ctop %s: %s", strings.Join(args, " "), o.stderr)
				}
			}
			if _, err := lab.Ping(ctx, l.Client, l.Server.Addr4()); err != nil {
				t.Error(err)
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if o := runUnder(ctx, t, nil, append([]string{"down"}, ports...)...); offloads(t, l) != before {
				t.Errorf("down: exit status %d, %q; offloads are %v, they were %v", o.status, o.stderr, offloads(t, l), before)
			}
			checkDetached(t, l)
		})
	}
}

// A directory on the BPF file system that others own or may write to is not
// used.
func TestUnsafePins(t *testing.T) {
	const nobody = `nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }; `
	for _, tt := range []struct {
		name, mode, squat, word string
	}{
		{"directory of somebody else", "1777", `nobody mkdir -m 777 /sys/fs/bpf/ctop`, "user id 65534"},
		{"link of somebody else", "1777", `nobody mkdir /sys/fs/bpf/there && nobody ln -s there /sys/fs/bpf/ctop`, "not a directory"},
		{"directory that others may write to", "1777", `mkdir -m 777 /sys/fs/bpf/ctop`, "mode 777"},
		{"file system that others may write to", "0777", `chmod 0777 /sys/fs/bpf`, "mode 777"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, ctx := newLab(t)
			ports := []string{l.Client.Port(), l.Server.Port()}
			under := []string{"unshare", "--mount", "sh", "-c", nobody + `mount -t bpf -o mode=` + tt.mode + ` bpf /sys/fs/bpf && ` + tt.squat + ` && exec "$0" "$@"`}
			o := runUnder(ctx, t, under, append([]string{"--dump", "-o", "json", "--for", "100ms"}, ports...)...)
			if o.status != 0 || !strings.Contains(o.stderr, "without pins") || !strings.Contains(o.stderr, tt.word) {
				t.Errorf("exit status %d, %q", o.status, o.stderr)
			}
			runUnder(ctx, t, under, "--dump").refused(t, tt.word)
			runUnder(ctx, t, under, append([]string{"down"}, ports...)...).refused(t, tt.word)
			checkDetached(t, l)
		})
	}
	t.Run("safe", func(t *testing.T) {
		l, ctx := newLab(t)
		script := nobody + `
set -e
mount -t bpf -o mode=1777 bpf /sys/fs/bpf
"$0" --dump --keep --for 100ms "$@"
pins=$(echo /sys/fs/bpf/ctop/*/*)
test -d "$pins"
! nobody mv /sys/fs/bpf/ctop /sys/fs/bpf/mine
! nobody flock -n "$pins" true
! nobody rm -r /sys/fs/bpf/ctop
"$0" --dump
"$0" down "$@"
test ! -e /sys/fs/bpf/ctop`
		o := runUnder(ctx, t, []string{"unshare", "--mount", "sh", "-c", script}, l.Client.Port(), l.Server.Port())
		if o.status != 0 || strings.Contains(o.stderr, "without pins") {
			t.Errorf("exit status %d, %q", o.status, o.stderr)
		}
		checkDetached(t, l)
	})
}
