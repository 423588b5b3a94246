package flow

import (
	"fmt"
	"time"
)

// ID identifies one flow from its first packet to its end. A tuple that is
// opened again gets a new one. It is never zero.
type ID uint64

// String returns the id as sixteen hexadecimal digits.
func (id ID) String() string {
	return fmt.Sprintf("%016x", uint64(id))
}

// Ref names a flow to act on: the tuple finds it, the id makes sure that it is
// still the same one.
type Ref struct {
	ID    ID
	Tuple Tuple
}

// Half is what one direction of a flow has carried.
type Half struct {
	// Packets and Bytes count whole frames since the tracker first saw the
	// flow.
	Packets, Bytes uint64
	// PPS and BPS are packets and bits per second over the last interval.
	PPS, BPS float64
	// RTT is how long this side took to answer in the TCP handshake, in whole
	// microseconds; zero where that was not seen, or a part of it was retransmitted.
	RTT time.Duration
	// Retransmits counts TCP segments that were sent again, Reordered those that
	// segments sent after them overtook, ZeroWindows those that closed the
	// window. They stop at 65,535.
	Retransmits, Reordered, ZeroWindows uint16
	// WindowKnown: both handshakes' SYNs were seen, and with them how windows
	// are scaled (RFC 7323). Window is then how many bytes this side still takes
	// beyond what it has acknowledged, InFlight how many it has sent that are not
	// acknowledged yet. An event has none of this.
	WindowKnown      bool
	Window, InFlight uint32
}

// Seen reports whether this direction ever carried a packet.
func (h Half) Seen() bool {
	return h.Packets > 0
}

// Closer says which side of a TCP flow began to close it.
type Closer uint8

// The closers, a closed set.
const (
	// CloserNone: nobody has.
	CloserNone Closer = iota
	CloserOrigin
	CloserReply
)

// String returns the direction's name, empty for [CloserNone].
func (c Closer) String() string {
	switch c {
	case CloserOrigin:
		return Origin.String()
	case CloserReply:
		return Reply.String()
	}
	return ""
}

// Flow is one tracked conversation as a snapshot shows it.
type Flow struct {
	ID ID
	// Tuple is the one of the flow's first packet.
	Tuple Tuple
	State State
	// In is the index, in [Snapshot.Interfaces], of the interface that the
	// first packet came in by.
	In uint16
	// Origin and Reply are the two directions.
	Origin, Reply Half
	// Age is the time since the first packet, Idle since the last one, both
	// at [Snapshot.Time].
	Age, Idle time.Duration
	// TimeoutName says which of the tracker's timeouts applies to the flow's
	// state, and Timeout how long that is, or how long the flow's own is
	// where it was given one (OwnTimeout).
	TimeoutName TimeoutName
	Timeout     time.Duration
	OwnTimeout  bool
	// Invalid counts packets that bore the flow's tuple and were no part of
	// it, Related ICMP errors about it. They stop at 65,535.
	Invalid, Related uint16
	// ClosedBy says who sent the first FIN.
	ClosedBy Closer
	// OneSided: the other end was not seen on its own side. Either its packets
	// take another way, or both ends are on one side of the tracker.
	OneSided bool
}

// Ref returns the reference to the flow that an [Act] takes.
func (f *Flow) Ref() Ref {
	return Ref{ID: f.ID, Tuple: f.Tuple}
}

// TTL returns what is left of the flow's timeout, never less than zero.
// The argument is the time passed since the snapshot was taken.
func (f *Flow) TTL(since time.Duration) time.Duration {
	return max(f.Timeout-f.Idle-since, 0)
}

// Packets returns the packets of both directions.
func (f *Flow) Packets() uint64 { return f.Origin.Packets + f.Reply.Packets }

// Bytes returns the bytes of both directions.
func (f *Flow) Bytes() uint64 { return f.Origin.Bytes + f.Reply.Bytes }

// BPS returns the bits per second of both directions.
func (f *Flow) BPS() float64 { return f.Origin.BPS + f.Reply.BPS }
