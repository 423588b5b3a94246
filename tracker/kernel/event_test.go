package kernel

import (
	"testing"
	"time"

	"ctop/bpf"
	"ctop/tracker/flow"
)

// An event has the volumes of both directions, and how well their packets went.
func TestHalvesOfAnEvent(t *testing.T) {
	e := kernelEvent{
		Key: keyFromTuple(tuple(flow.ProtocolTCP, "10.0.0.1:40000", "10.0.0.2:443")), Packets: [2]uint64{3, 5}, Bytes: [2]uint64{300, 5000},
		RttUs: [2]uint32{7, 9}, Retransmits: [2]uint16{1, 2}, Reordered: [2]uint16{3, 4}, ZeroWindows: [2]uint16{5, 6},
	}
	var got flow.Event
	eventFromKernel(&got, &e, Clock{})
	for d, c := range map[flow.Direction]struct{ got, want flow.Half }{
		flow.Origin: {got.Origin, flow.Half{Packets: 3, Bytes: 300, RTT: 7 * time.Microsecond, Retransmits: 1, Reordered: 3, ZeroWindows: 5}},
		flow.Reply:  {got.Reply, flow.Half{Packets: 5, Bytes: 5000, RTT: 9 * time.Microsecond, Retransmits: 2, Reordered: 4, ZeroWindows: 6}},
	} {
		if c.got != c.want {
			t.Errorf("%s: %+v, want %+v", d, c.got, c.want)
		}
	}
}

// A flow that no event reported is as old as it is when it is found, and has what was seen
// of it so far.
func TestEventOfARow(t *testing.T) {
	want := tuple(flow.ProtocolTCP, "10.0.0.1:40000", "10.0.0.2:443")
	v := kernelFlow{Key: keyFromTuple(want), CreatedNs: 3e9}
	v.Origin.Packets, v.Origin.Bytes, v.Reply.Packets, v.Reply.Bytes = 3, 300, 5, 5000
	for ns, age := range map[uint64]time.Duration{10e9: 7 * time.Second, 3e9: 0, 2e9: 0} { // the clock was read before it began
		row := rowFromKernel(&v)
		c := Clock{Ns: ns, Wall: time.Unix(1e9, 0)}
		e := row.Event(c)
		if e.Age != age || e.Type != flow.EventNew || !e.Recovered || e.Tuple != want || !e.Time.Equal(c.Wall) ||
			e.Origin != (flow.Half{Packets: 3, Bytes: 300}) || e.Reply != (flow.Half{Packets: 5, Bytes: 5000}) {
			t.Errorf("at %d ns: %+v, want age %s", ns, e, age)
		}
	}
}

// An owner counts if it is of the same flow, and somebody is known to have it.
func TestCopyOwner(t *testing.T) {
	v := &kernelFlow{Control: 7 << 32}
	for control, want := range map[uint64]bool{
		7<<32 | ownerListener: true, 7<<32 | ownerSure: true,
		7 << 32: false, 7<<32 | ownerListener - 1: false, 8<<32 | ownerListener: false, 8 << 32: false,
	} {
		place := &kernelOwner{Control: control}
		place.Process.Pid = 11
		var to kernelOwner
		if got := copyOwner(&to, place, v); got != want || want && (to.Process.Pid != 11 || to.Control != control) {
			t.Errorf("control %#x: %t, %+v", control, got, to)
		}
	}
}

// The owners lie at the places of their flows. A map of one place is of no use.
func TestPlacesOfOwners(t *testing.T) {
	m := &mapping{owned: make([]kernelOwner, 3)}
	for at, want := range []*kernelOwner{&m.owned[0], &m.owned[1], &m.owned[2], nil, nil} {
		if got := m.ownerAt(at); got != want {
			t.Errorf("place %d: %p, want %p", at, got, want)
		}
	}
	if m := (&mapping{owned: make([]kernelOwner, 1)}); m.ownerAt(0) != nil {
		t.Error("the only place is an owner's")
	}
}

// A flow goes on if either direction had a packet since a tick, and it is not the partner's.
func TestHeardSince(t *testing.T) {
	const (
		open      = uint64(flow.StateEstablished)
		inherited = open | uint64(bpf.ConntrackFlowFlagFLOW_INHERITED)
	)
	for _, test := range []struct {
		origin, reply, control uint64
		want                   bool
	}{
		{90, 90, open, true},
		{95, 10, open, true},
		{10, 95, open, true},
		{10, 10, open, false},
		{89, 89, open, false},
		{95, 95, inherited, false},
		{95, 95, uint64(bpf.ConntrackFlowFlagFLOW_SEEN), false},
	} {
		v := kernelFlow{Control: test.control}
		v.Origin.LastSeenTicks, v.Reply.LastSeenTicks = test.origin, test.reply
		if got := heardSince(&v, 90); got != test.want {
			t.Errorf("%+v: %t", test, got)
		}
	}
}
