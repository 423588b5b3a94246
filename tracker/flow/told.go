package flow

import "time"

// Glance is what is known of a flow at a glance.
type Glance struct {
	Key ToldKey
	ID  ID
	// Control is the flow's state and its flags, as the programs have them.
	Control uint32
	Age     time.Duration
}

// Told is a flow as one tracker of a pair tells it to the other. It has no time of day:
// the clocks of two machines differ.
type Told struct {
	Glance
	// Timeout is an operator's timeout for this flow alone, 0 if there is none.
	Timeout time.Duration
	Halves  [2]ToldHalf
}

// ToldKey is what flows are found by: addresses in network order, ports, protocol and tags.
type ToldKey [48]byte

// ToldHalf is one direction of such a flow.
type ToldHalf struct {
	Packets, Bytes uint64
	// Idle is the time since its latest packet.
	Idle time.Duration
	// TCP's numbers.
	End, Acked, Limit, MaxWindow, SYN, FIN uint32
	RTT                                    time.Duration
	Retransmits, Reordered, ZeroWindows    uint16
	WindowScale                            uint8
}

// Bits of Told.Control.
const (
	toldState     = 0x3f
	toldInherited = 1 << 6
	toldMissed    = 3 << 29
)

// State returns the state.
func (g *Glance) State() State { return State(g.Control & toldState) }

// Inherited reports whether the flow is the partner's.
func (g *Glance) Inherited() bool { return g.Control&toldInherited != 0 }

// EndMissed reports whether both ends have ended the connection, and the tracker has
// missed it.
func (g *Glance) EndMissed() bool { return g.Control&toldMissed == toldMissed }

// Since changes the flow's times to those of a moment that is later, or earlier.
func (t *Told) Since(d time.Duration) {
	t.Age = max(t.Age+d, 0)
	for i := range t.Halves {
		t.Halves[i].Idle = max(t.Halves[i].Idle+d, 0)
	}
}

// Idle returns the time since the latest packet of either direction.
func (t *Told) Idle() time.Duration {
	idle := t.Halves[Origin].Idle
	if t.Halves[Reply].Packets > 0 {
		idle = min(idle, t.Halves[Reply].Idle)
	}
	return idle
}

// Inherited is what became of what a partner told.
type Inherited uint8

// Inherited has no other values. They are those of enum inherit_result (inherit.h).
const (
	// InheritedNone: there is no such flow.
	InheritedNone Inherited = iota
	// InheritedDone: it was done.
	InheritedDone
	// InheritedOwn: the flow is this tracker's own, and stays.
	InheritedOwn
	// InheritedOther: the key's flow has another ID, and stays.
	InheritedOther
	// InheritedFull: there is no room for it.
	InheritedFull
	// InheritedBusy: packets changed the flow at the same time.
	InheritedBusy
	// InheritedRefused: no tracker has such a flow.
	InheritedRefused
	// InheritedBack: the flow is this tracker's own, and was heard here after the partner.
	InheritedBack
)
