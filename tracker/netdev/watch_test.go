package netdev

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// Of all interfaces those are watched that no other tracker has, in both directions.
func TestFollowFinds(t *testing.T) {
	f := follows(t, "come2")
	free := errors.New("it is another tracker's")
	for _, c := range []struct {
		err  error
		want []Direction
	}{{nil, []Direction{Ingress, Egress}}, {free, nil}} {
		var asked []Direction
		devices, err := f.Find(func(d *Device) error {
			asked = append(asked, d.direction)
			return c.err
		})
		var got []Direction
		for _, d := range devices {
			got = append(got, d.direction)
		}
		var usage *flow.UsageError
		if !slices.Equal(got, c.want) || errors.As(err, &usage) != (c.want == nil) || !slices.Equal(asked, []Direction{Ingress}) {
			t.Errorf("directions %v, want %v, asked of %v, error %v", got, c.want, asked, err)
		}
	}
	f.Except = slices.DeleteFunc(f.Except, func(name string) bool { return name == "lo" })
	if devices, err := f.Find(func(*Device) error { return nil }); err != nil || len(devices) != 3 {
		t.Errorf("%d devices with the loopback, which has one, error %v", len(devices), err)
	}
}

// Only on the loopback does a packet pass once for both of its ends.
func TestWatchedAt(t *testing.T) {
	lab.Require(t)
	plugIn(t, "once1")
	for name, want := range map[string]kernel.Watched{
		"lo": {OneSide: true, PeerNetns: -1}, "once1": {PeerNetns: -1},
	} {
		p := Point{Name: name, Index: interfaceIndex(t, name), Role: flow.RoleWatch}
		if got, err := watchedAt([]Point{p}, 0, p.Index); err != nil || got != want {
			t.Errorf("%s: %+v, want %+v, error %v", name, got, want, err)
		}
	}
}

// What was seen at an interface stays once that is gone, and is added to when it is back.
func TestSeenStays(t *testing.T) {
	lab.Require(t)
	k, err := kernel.Load(kernel.Options{MaxFlows: flow.MinMaxFlows, Watch: true})
	must(t, err)
	t.Cleanup(k.Close)
	l := lives(t, k, flow.ModeTC, true, false)
	seen := func() uint64 {
		var s flow.Snapshot
		l.Report(&s)
		return s.Interfaces[0].In.Packets
	}
	before := uint64(0)
	for range 2 {
		send(t, "life1b", 10)
		for deadline := time.Now().Add(time.Minute); seen() < before+10; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("it has seen %d packets of %d", seen(), before+10)
			}
		}
		before += 10
		must(t, netlink.LinkDel(named(t, "life1")))
		if done, err := l.Reattach(); err != nil || len(done) != 0 || seen() < before {
			t.Fatalf("of an interface that is gone it has seen %d packets, not %d: %q, %v", seen(), before, done, err)
		}
		plugIn(t, "life1")
		l.says("came back", "life1 came back and is attached to again")
	}
}

// send sends packets that nobody waits for from an interface.
func send(t *testing.T, name string, n int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fd)
	frame := make([]byte, 60)
	frame[12], frame[13] = 0x88, 0xb5 // an experiment of this place (IEEE 802)
	for range n {
		must(t, unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: interfaceIndex(t, name)}))
	}
}

// A program of others where the tracker's was is an error until it goes.
func TestReattachFails(t *testing.T) {
	lab.Require(t)
	k, err := kernel.Load(kernel.Options{MaxFlows: flow.MinMaxFlows})
	must(t, err)
	t.Cleanup(k.Close)
	l := lives(t, k, flow.ModeNative, false, false)
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "other", Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}})
	must(t, err)
	defer p.Close()
	must(t, l.links[0].Detach())
	other, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: interfaceIndex(t, "life1")})
	must(t, err)
	if done, err := l.Reattach(); err == nil || !strings.HasPrefix(err.Error(), "attach to life1 again: ") || len(done) != 0 {
		t.Errorf("%q, %v", done, err)
	}
	must(t, other.Close())
	l.says("the other one went", "life1 had lost its program and is attached to again")
}

// The first kernel with tcx is Linux 6.6.
func TestTCXVersion(t *testing.T) {
	version := func(major, minor, patch int) int { return major<<16 + minor<<8 + patch }
	if version(6, 5, 255) >= tcxVersion || version(6, 6, 0) < tcxVersion {
		t.Errorf("%#x", tcxVersion)
	}
}
