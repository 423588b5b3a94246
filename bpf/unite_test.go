package bpf

import (
	"testing"

	"ctop/internal/frame"
)

// datagram is a packet of UDP or without ports, from an end by the side where it is.
func datagram(from int, proto uint8, ports [2]uint16) []byte {
	f := frame.Frame{Src: client4, Dst: server4, Proto: proto, L4: frame.Datagram(ports[0], ports[1], 20)}
	if from == 1 {
		f = frame.Frame{Src: server4, Dst: client4, Proto: proto, L4: frame.Datagram(ports[1], ports[0], 20)}
	}
	if proto == 47 {
		f.L4 = make([]byte, 40)
	}
	return f.Bytes()
}

// Question and answer take different ways before either tracker has told: both come to the
// same id, answered, with the packets of both, whoever hears of the other one first.
func TestUnited(t *testing.T) {
	a, b := newPair(t)
	for _, by := range hooks {
		for _, c := range []struct {
			proto   uint8
			ports   [2]uint16
			answers int
		}{
			{17, [2]uint16{40000, 53}, 1}, {17, [2]uint16{123, 123}, 1}, {17, [2]uint16{53, 40000}, 1}, {47, [2]uint16{}, 1}, {17, [2]uint16{40000, 53}, 0},
		} {
			for first := range 2 {
				restart(a, b)
				before := [2]ConntrackCpuStats{a.counters(), b.counters()}
				both := [2]*harness{a, b}
				a.come(0)
				b.come(c.answers)
				if !a.run(by, datagram(0, c.proto, c.ports)) || !b.run(by, datagram(c.answers, c.proto, c.ports)) {
					t.Fatal("a packet was dropped")
				}
				key := a.entries()[0].Key
				// What both tell crosses, and is told again.
				said := [2]ConntrackInheritArgs{a.told(key), b.told(key)}
				for i := range 2 {
					to := (first + i) & 1
					both[to].enter(said[1-to])
				}
				for i := range 4 {
					to := (first + i) & 1
					both[to].enter(both[1-to].told(key))
				}
				one, other := a.flow(key), b.flow(key)
				if one.ID() != other.ID() || one.Control&uint64(ConntrackFlowFlagFLOW_REVERSED) != other.Control&uint64(ConntrackFlowFlagFLOW_REVERSED) {
					t.Fatalf("%s, %+v: the flows are %+v and %+v", by, c, one, other)
				}
				want := ConntrackFlowStateSTATE_ESTABLISHED
				if c.answers == 0 {
					want = ConntrackFlowStateSTATE_NEW
				}
				if state(one) != want || state(other) != want || inherited(one) || inherited(other) {
					t.Errorf("%s, %+v: the flows are %+v and %+v", by, c, one, other)
				}
				for i, f := range []*ConntrackFlow{one, other} {
					if n := f.Origin.Packets + f.Reply.Packets; c.answers == 1 && n != 2 {
						t.Errorf("%s, %+v: at tracker %d %d packets were counted: %+v", by, c, i, n, f)
					}
				}
				if c.ports[0] == 40000 && hasFlag(one, ConntrackFlowFlagFLOW_REVERSED) != (one.Key.Port[0] != swapped(40000)) {
					t.Errorf("%s, %+v: not the one who asked is the origin: %+v", by, c, one)
				}
				// They go on as one.
				for range 2 {
					a.run(by, datagram(0, c.proto, c.ports))
					b.come(1)
					b.run(by, datagram(1, c.proto, c.ports))
				}
				if one, other := a.flow(key), b.flow(key); one.ID() != other.ID() || state(other) != ConntrackFlowStateSTATE_ESTABLISHED {
					t.Errorf("%s, %+v: the flows went on as %+v and %+v", by, c, one, other)
				}
				a.sumsHold(before[0])
				b.sumsHold(before[1])
				a.checkTable()
				b.checkTable()
			}
		}
	}
}

// swapped is a port as it lies in a key.
func swapped(port uint16) uint16 { return port>>8 | port<<8 }

// A partner gives no other id to a flow that was answered here a while ago.
func TestUnitedIsYoung(t *testing.T) {
	_, b := newPair(t)
	b.come(0)
	b.run(hookXDP, datagram(0, 17, [2]uint16{123, 123}))
	b.come(1)
	b.run(hookXDP, datagram(1, 17, [2]uint16{123, 123}))
	f := *b.flow(b.entries()[0].Key)
	if state(&f) != ConntrackFlowStateSTATE_ESTABLISHED {
		t.Fatalf("the flow is %+v", f)
	}
	b.wait(11)
	said := ConntrackInheritArgs{Key: f.Key, Id: 1, Control: uint32(ConntrackFlowStateSTATE_NEW), MarginTicks: 2}
	said.Dir[0].Packets = 1
	expectResult(t, b.enter(said), ConntrackInheritResultINHERIT_OTHER)
	if after := b.flow(f.Key); after.ID() != f.ID() || state(after) != state(&f) {
		t.Errorf("%+v became %+v", f, after)
	}
}
