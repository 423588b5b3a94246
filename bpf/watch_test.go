package bpf

import (
	"bytes"
	"testing"

	"github.com/cilium/ebpf"

	"ctop/internal/bpftest"
	"ctop/internal/frame"
)

// watcher runs the watching programs at an interface.
type watcher struct {
	*harness
}

// at makes the interface of the runs that follow the one of a zone.
func (w watcher) at(zone uint16, oneSide uint32) {
	w.t.Helper()
	perCPU := make([]ConntrackWatched, ebpf.MustPossibleCPU())
	for i := range perCPU {
		perCPU[i].Zone = [2]uint64{uint64(zone&0xf)<<44 | uint64(zone>>4&0xf)<<60, uint64(zone>>8) << 44}
		perCPU[i].OneSide = oneSide
	}
	ok(w.t, w.Watched.Put(uint32(bpftest.Loopback), perCPU))
}

// seen returns the packets and bytes that were seen at the interface, by side.
func (w watcher) seen() (packets, bytes [2]uint64) {
	w.t.Helper()
	var perCPU []ConntrackWatched
	ok(w.t, w.Watched.Lookup(uint32(bpftest.Loopback), &perCPU))
	for i := range perCPU {
		for side, v := range perCPU[i].Seen {
			packets[side] += v.Packets
			bytes[side] += v.Bytes
		}
	}
	return packets, bytes
}

// Every packet counts for its interface and its side once, whatever it is and whatever
// becomes of it.
func TestWatchCounts(t *testing.T) {
	w := newWatcher(t)
	w.at(1, 0)
	udp := udpFrame(client4, server4, 1, 2, 20)
	answer := udp.Reply(frame.Datagram(2, 1, 20)).Bytes()
	arp := frame.Raw(0x0806, make([]byte, 28))
	var packets, bytes [2]uint64
	for _, c := range []struct {
		out  bool
		data []byte
	}{{false, udp.Bytes()}, {true, answer}, {true, answer}, {false, udp.Bytes()}, {false, arp}, {true, malformedFrame()}} {
		w.see(c.out, c.data)
		side := 0
		if c.out {
			side = 1
		}
		packets[side]++
		bytes[side] += uint64(len(c.data))
		if p, b := w.seen(); p != packets || b != bytes {
			t.Errorf("seen %v packets and %v bytes, want %v and %v", p, b, packets, bytes)
		}
	}
	w.enforce(true)
	w.see(false, malformedFrame())
	if p, _ := w.seen(); p[0] != packets[0]+1 {
		t.Errorf("%d packets with a dropped one, want %d", p[0], packets[0]+1)
	}
}

// see shows one program a frame, which must be as it was afterwards, and returns what the
// program said.
func (w watcher) see(out bool, data []byte) uint32 {
	w.t.Helper()
	program := w.CtopWatchIn
	if out {
		program = w.CtopWatchOut
	}
	options := &ebpf.RunOptions{Data: data, DataOut: make([]byte, len(data)), Context: &skbContext{}}
	action, err := program.Run(options)
	ok(w.t, err)
	if !bytes.Equal(data, options.DataOut) {
		w.t.Errorf("the packet was altered\nin  %x\nout %x", data, options.DataOut)
	}
	return action
}

func newWatcher(t *testing.T) watcher {
	w := watcher{newHarness(t, setup{})}
	w.config.SidesUnknown = 0
	w.configure()
	t.Cleanup(func() { _ = w.Watched.Delete(uint32(bpftest.Loopback)) })
	return w
}

// A watched packet always goes on, unless the policy drops it. One at an interface that
// nobody told of is not looked at.
func TestWatchPassesOn(t *testing.T) {
	w := newWatcher(t)
	udp := udpFrame(client4, server4, 1, 2, 20)
	answer := udp.Reply(frame.Datagram(2, 1, 20)).Bytes()
	for name, data := range map[string][]byte{
		"not IP": frame.Raw(0x0806, make([]byte, 28)), "empty": make([]byte, 14), "malformed": malformedFrame(),
		"new": udp.Bytes(),
	} {
		w.at(1, 0)
		for _, out := range []bool{false, true} {
			if got := w.see(out, data); got != tcNext {
				t.Errorf("%s, out %t: returned %d", name, out, int32(got))
			}
		}
	}
	for range 3 {
		if got := w.see(true, answer); got != tcNext { // the fast path, from the second on
			t.Errorf("an answer: returned %d", int32(got))
		}
	}
	w.enforce(true)
	if got := w.see(false, malformedFrame()); got != bpftest.TCShot {
		t.Errorf("malformed, enforced: returned %d", int32(got))
	}
	ok(t, w.Watched.Delete(uint32(bpftest.Loopback)))
	before := w.counters()
	if got := w.see(false, malformedFrame()); got != tcNext || w.since(before).Bytes != 0 {
		t.Errorf("at an unknown interface: returned %d", int32(got))
	}
}

// Equal tuples at two interfaces are two flows, in the fast path as in the slow one, and
// an answer in the other direction answers the flow of its interface only.
func TestWatchZones(t *testing.T) {
	w := newWatcher(t)
	udp := udpFrame(client4, server4, 1, 2, 20)
	tagged := udp
	tagged.VLANs = []uint16{4094, 4095, 4094}
	zones := []uint16{1, 0x10, 0x100, 0xfff}
	for _, f := range []frame.Frame{udp, tagged} {
		key, reversed := keyOf(f, 1, 2)
		for n, zone := range zones {
			w.at(zone, 0)
			for range n + 1 {
				w.see(false, f.Bytes())
				w.see(true, f.Reply(frame.Datagram(2, 1, 20)).Bytes())
			}
		}
		for n, zone := range zones {
			there := key
			there.Vlan[0] |= zone << 12
			there.Vlan[1] |= zone >> 4 << 12
			there.VlanThird |= zone >> 8 << 12
			flow := w.flow(there)
			if flow == nil {
				t.Fatalf("no flow in zone %#x", zone)
			}
			for d := range 2 {
				if got := flow.Traffic(d).Packets; got != uint64(n+1) {
					t.Errorf("zone %#x: %d packets of direction %d, want %d", zone, got, d, n+1)
				}
			}
			if flow.Control&0x3f != uint64(ConntrackFlowStateSTATE_ESTABLISHED) || reversed {
				t.Errorf("zone %#x: state %d", zone, flow.Control&0x3f)
			}
		}
		if w.flow(key) != nil {
			t.Error("there is a flow without a zone")
		}
	}
}

// A packet's side is its direction, so what comes in cannot answer what came in. Where an
// interface has one side, the direction of the tuple counts.
func TestWatchSides(t *testing.T) {
	w := newWatcher(t)
	for i, c := range []struct {
		oneSide  uint32
		out      bool
		answered bool
	}{{0, true, true}, {0, false, false}, {1, false, true}} {
		w.at(uint16(i+1), c.oneSide)
		f := udpFrame(client4, server4, 1, 2, 20)
		w.see(false, f.Bytes())
		before := w.counters()
		w.see(c.out, f.Reply(frame.Datagram(2, 1, 20)).Bytes())
		if got := w.since(before).Verdict[ConntrackVerdictVERDICT_ESTABLISHED] == 1; got != c.answered {
			t.Errorf("one side %d, answer goes out %t: answered %t", c.oneSide, c.out, got)
		}
	}
}
