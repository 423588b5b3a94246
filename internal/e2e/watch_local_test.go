package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// machineAddr is an address of the machine itself beside the lab's hosts.
var machineAddr = netip.MustParseAddr("10.0.0.9")

// giveAddress gives an interface the machine's address, or takes it away.
func giveAddress(t *testing.T, name string, change func(netlink.Link, *netlink.Addr) error) {
	t.Helper()
	l, err := netlink.LinkByName(name)
	if err == nil {
		err = change(l, &netlink.Addr{IPNet: &net.IPNet{IP: machineAddr.AsSlice(), Mask: net.CIDRMask(24, 32)}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Which end of a flow is this machine, and whether it goes in or out, is told in flows and
// events. It follows the machine's addresses.
func TestWatchLocal(t *testing.T) {
	l, ctx := newLab(t)
	port := l.Client.Port()
	giveAddress(t, port, netlink.AddrAdd)
	r := &rig{Lab: l, t: t, ctx: ctx}
	cmd := ctop(ctx, t, "events", "-o", "jsonl", "--filter", "tcp if:"+port, port)
	var out said
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitWatched(ctx, t, port)
	tr, err := tracker.Join(ctx, port)
	if err != nil {
		t.Fatal(err)
	}
	r.tracker = tr
	r.await("events are told", func() bool { // of a connection that is refused, and leaves no flow
		if c, err := l.Client.Dial(ctx, "tcp", netip.AddrPortFrom(machineAddr, 1).String()); err == nil {
			_ = c.Close()
		}
		return strings.Contains(out.String(), `"event":"`)
	})
	// In by the machine's listener, out to one of the client's.
	listener, err := net.Listen("tcp", netip.AddrPortFrom(machineAddr, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	served, err := l.Client.Dial(ctx, "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	far, err := l.Client.Listen(ctx, "tcp", netip.AddrPortFrom(l.Client.Addr4(), 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	called, err := net.Dial("tcp", far.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer called.Close()
	wanted := map[string]struct {
		local    flow.Ends
		outgoing bool
	}{listener.Addr().String(): {flow.EndReply, false}, far.Addr().String(): {flow.EndOrigin, true}}
	sides := func(known bool) bool {
		flows := r.flows("tcp")
		for _, f := range flows {
			want := wanted[f.Tuple.Dst.String()]
			if !known {
				want.local = 0
			}
			if f.Local() != want.local || f.Outgoing != want.outgoing {
				return false
			}
		}
		return len(flows) == len(wanted)
	}
	r.eventually("both flows, each with its local end", func() bool { return sides(true) })
	here := listener.Addr().(*net.TCPAddr).AddrPort().String()
	dump, err := ctop(ctx, t, "--dump", "-o", "jsonl", "--filter", "dir:in local:"+here[strings.LastIndex(here, ":")+1:], port).Output()
	if err != nil || strings.Count(string(dump), "\n") != 1 || !strings.Contains(string(dump), `"dir":"in","local":"reply"`) {
		t.Errorf("the dump, error %v: %s", err, dump)
	}
	for at, want := range map[net.Addr]string{listener.Addr(): `"dir":"in","local":"reply"`, far.Addr(): `"dir":"out","local":"origin"`} {
		to := fmt.Sprintf(`"dport":%d,`, at.(*net.TCPAddr).Port)
		want = `"in":"` + port + `",` + want
		r.await("an event with "+want, func() bool { return hasLines(out.String(), [][]string{{to, want}}) })
	}
	giveAddress(t, port, netlink.AddrDel)
	r.eventually("no local end without the address", func() bool { return sides(false) })
	giveAddress(t, port, netlink.AddrAdd)
	r.eventually("the local ends again", func() bool { return sides(true) })
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
	_ = cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err != nil {
		t.Errorf("ctop events: %v: %s", err, out.String())
	}
	checkDetached(t, l)
}

// A program that comes to stand before the tracker's is told as long as it is there, and
// keeps its place.
func TestWatchBehind(t *testing.T) {
	r := newWatch(t)
	port := r.Client.Port()
	seen, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 2})
	if err != nil {
		t.Fatal(err)
	}
	o := &others{seen: seen}
	defer o.close()
	warned := func() string {
		s := r.collector.Snapshot()
		var text string
		for _, w := range s.Warnings {
			if w.Kind == flow.WarningBehind {
				text += w.String()
			}
		}
		return text
	}
	if text := warned(); text != "" {
		t.Errorf("it says %q at first", text)
	}
	attachOthers(t, port, true, 0, o)
	r.eventually("it says who stands before it", func() bool { return warned() == "behind other on "+port+", may not see all" })
	say := func() uint64 {
		if err := lab.WaitPing(r.ctx, r.Client, r.Server.Addr4()); err != nil {
			t.Fatal(err)
		}
		return o.counts(t)[0]
	}
	if before := say(); say() <= before {
		t.Error("the program sees nothing any more")
	}
	for _, l := range o.links {
		_ = l.Close()
	}
	r.eventually("it stands first again", func() bool { return warned() == "" })
	pass, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.XDP, License: "GPL", Name: "filter_it",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, xdpPass), asm.Return()},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer pass.Close()
	iface, err := net.InterfaceByName(port)
	if err != nil {
		t.Fatal(err)
	}
	x, err := link.AttachXDP(link.XDPOptions{Program: pass, Interface: iface.Index, Flags: link.XDPGenericMode})
	if err != nil {
		t.Fatal(err)
	}
	r.eventually("it says that XDP stands before it", func() bool {
		return warned() == "behind the XDP program filter_it on "+port+", may not see all"
	})
	_ = x.Close()
	r.eventually("it stands first at last", func() bool { return warned() == "" })
}

// xdpPass lets a packet go on.
const xdpPass = 2

// An event of a flow that was lost, or of a wire, has its interface, too.
func TestEventsNameInterfaces(t *testing.T) {
	r := newRig(t, tracker.Options{})
	client, server := r.connect(r.Server.Addr4())
	say(t, client, server, "in by the client's side")
	back, forth := r.Client.Port(), r.Server.Port()
	r.eventually("events of the connection", func() bool {
		for _, e := range r.log() {
			if e.Tuple.Proto != flow.ProtocolTCP {
				continue
			}
			if e.Interface != back || e.In != 0 || e.Outgoing || e.Flow().Local() != 0 {
				t.Fatalf("event %+v of a flow that came in by %s, not %s", e, back, forth)
			}
			if e.To == flow.StateEstablished {
				return true
			}
		}
		time.Sleep(10 * time.Millisecond)
		return false
	})
}
