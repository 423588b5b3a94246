package e2e

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
	"ctop/tracker"
)

// stranger creates a veth pair whose first end gets an index. The pair sends
// nothing by itself.
func stranger(t *testing.T, name string, index int) {
	t.Helper()
	ip(t, "link", "add", name, "index", strconv.Itoa(index), "type", "veth", "peer", "name", "far")
	t.Cleanup(func() { _ = exec.Command("ip", "link", "delete", "far").Run() }) // or gone already
	for _, end := range []string{name, "far"} {
		ip(t, "link", "set", end, "addrgenmode", "none", "up")
	}
}

func linkOf(t *testing.T, name string) *netlink.LinkAttrs {
	t.Helper()
	l, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return l.Attrs()
}

// carriesNothing checks that no program is attached to an interface.
func carriesNothing(t *testing.T, name string) {
	t.Helper()
	attrs := linkOf(t, name)
	if attrs.Xdp != nil && attrs.Xdp.Attached {
		t.Errorf("%s carries program %d", name, attrs.Xdp.ProgId)
	}
	tcx, err := link.QueryPrograms(link.QueryOptions{Target: attrs.Index, Attach: ebpf.AttachTCXIngress})
	if err != nil || len(tcx.Programs) != 0 {
		t.Errorf("%s carries %v, %v", name, tcx, err)
	}
}

// Another interface that gets the index of a removed one is left alone and
// receives no packet. The removed one is taken back under its name.
func TestStrangerWithOldIndex(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, tracker.Options{Mode: mode})
			port := r.Server.Port()
			index := linkOf(t, port).Index
			if err := r.Unplug(r.Server); err != nil {
				t.Fatal(err)
			}
			r.eventually("it says so", func() bool { return r.warns(port + " gone") })
			stranger(t, "uplink", index)
			ip(t, "address", "add", "192.0.2.1/24", "dev", "uplink")
			r.eventually("the stranger gets nothing", func() bool {
				before := linkOf(t, "far").Statistics.RxPackets
				_ = r.Client.Command(r.ctx, "ping", "-c", "2", "-i", "0.2", "-W", "1", r.Server.Addr4().String()).Run()
				return linkOf(t, "far").Statistics.RxPackets == before
			})
			carriesNothing(t, "uplink")
			if !r.warns(port+" gone") || r.warns("uplink") {
				t.Errorf("warnings %q", r.collector.Snapshot().Warnings)
			}
			r.replug()
			r.eventually("no warning", func() bool { return len(r.collector.Snapshot().Warnings) == 0 })
			carriesNothing(t, "uplink")
			if names := r.tracker.Interfaces(); names[1] != port {
				t.Errorf("the interfaces are %v", names)
			}
			r.stop()
			checkDetached(t, r.Lab)
		})
	}
}

// The interface itself was moved away and keeps its program there, while
// another one gets its index. It returns under its name, with another index,
// and is taken back.
func TestBackWithAnotherIndex(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, tracker.Options{Mode: mode})
			port, home := r.Server.Port(), thisNamespace(t)
			index := linkOf(t, port).Index
			ip(t, "link", "set", port, "netns", r.Client.Name())
			r.eventually("it says so", func() bool { return r.warns(port + " gone") })
			stranger(t, "uplink", index)
			ip(t, "-n", r.Client.Name(), "link", "set", port, "netns", home)
			if again := linkOf(t, port).Index; again == index {
				t.Fatal("the index is the same")
			}
			ip(t, "link", "set", port, "up")
			if err := lab.WaitPing(r.ctx, r.Client, r.Server.Addr4()); err != nil {
				t.Fatal(err)
			}
			r.eventually("no warning", func() bool { return len(r.collector.Snapshot().Warnings) == 0 })
			carriesNothing(t, "uplink")
			r.stop()
			checkDetached(t, r.Lab)
		})
	}
}

// An interface that returns, even with its old index, and that the machine now
// uses is refused as at the start, until the machine no longer uses it.
func TestUsedOnReturn(t *testing.T) {
	for _, name := range []string{"same index", "another index"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tracker.Options{})
			port := r.Server.Port()
			index := linkOf(t, port).Index
			if err := r.Unplug(r.Server); err != nil {
				t.Fatal(err)
			}
			if name != "same index" {
				index += 1000
			}
			stranger(t, "foreign", index)
			ip(t, "address", "add", "192.0.2.1/24", "dev", "foreign")
			ip(t, "link", "set", "foreign", "down")
			ip(t, "link", "set", "foreign", "name", port)
			ip(t, "link", "set", port, "up")
			r.eventually("it says why it does not attach", func() bool {
				return r.warns("attach to "+port+" again", tracker.ErrUsed.Error(), "192.0.2.1/24")
			})
			carriesNothing(t, port)
			ip(t, "address", "delete", "192.0.2.1/24", "dev", port)
			r.eventually("it is attached to", func() bool { return len(r.collector.Snapshot().Warnings) == 0 })
			if attrs := linkOf(t, port); attrs.Xdp == nil || !attrs.Xdp.Attached {
				t.Error("it carries no program")
			}
			ip(t, "link", "delete", port)
			r.replug()
		})
	}
}

// While no owner ran, another interface got the index: neither "ctop down" nor
// the next owner takes it for the original.
func TestStrangerMeanwhile(t *testing.T) {
	l, ctx := newLab(t)
	ports := []string{l.Client.Port(), l.Server.Port()}
	index := linkOf(t, ports[1]).Index
	if o := runUnder(ctx, t, nil, append([]string{"--dump", "--keep", "--for", "100ms"}, ports...)...); o.status != 0 {
		t.Fatal(o.stderr)
	}
	if err := l.Unplug(l.Server); err != nil {
		t.Fatal(err)
	}
	stranger(t, "uplink", index)
	if out, err := exec.Command("ethtool", "-K", "far", "gro", "on", "tx-vlan-offload", "off").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if o := runUnder(ctx, t, nil, "down", ports[0], "uplink"); o.status == 0 {
		t.Errorf("down by the stranger's name: %s", o.stderr)
	}
	o := runUnder(ctx, t, nil, append([]string{"--dump", "--keep", "-o", "json", "--for", "3s"}, ports...)...)
	if o.status != 0 || !strings.Contains(o.stdout, ports[1]+" gone") || strings.Contains(o.stdout+o.stderr, "uplink") {
		t.Errorf("dump: exit status %d, %s%s", o.status, o.stdout, o.stderr)
	}
	carriesNothing(t, "uplink")
	if o := runUnder(ctx, t, nil, append([]string{"down"}, ports...)...); o.status != 0 {
		t.Errorf("down: %s", o.stderr)
	}
	out, err := exec.Command("ethtool", "-k", "far").Output()
	if err != nil || !strings.Contains(string(out), "generic-receive-offload: on") || !strings.Contains(string(out), "tx-vlan-offload: off") {
		t.Errorf("the stranger's settings were changed: %v, %s", err, out)
	}
	if err := l.Plug(l.Server); err != nil {
		t.Fatal(err)
	}
	checkDetached(t, l)
}
