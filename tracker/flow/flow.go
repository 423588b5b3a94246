package flow

import (
	"fmt"
	"slices"
	"time"
)

// ID identifies one flow from its first packet to its end. A new flow with the
// same tuple gets another ID. It is never 0.
type ID uint64

// String returns the ID as sixteen hexadecimal digits.
func (id ID) String() string {
	return fmt.Sprintf("%016x", uint64(id))
}

// Ref refers to a flow. The tuple is used to find it, and the ID to check that
// it is not a newer one.
type Ref struct {
	ID    ID
	Tuple Tuple
}

// Half holds the data of one direction of a flow.
type Half struct {
	// Packets and Bytes count whole frames since the tracker first saw the
	// flow.
	Packets, Bytes uint64
	// PPS and BPS are packets and bits per second over the last interval.
	PPS, BPS float64
	// RTT is the response time of this side in the TCP handshake, in whole
	// microseconds. It is 0 if it was not seen or a segment was retransmitted.
	RTT time.Duration
	// Retransmits counts retransmitted TCP segments, Reordered those that
	// arrived after later ones, ZeroWindows those that closed the window. The
	// counters stop at 65,535.
	Retransmits, Reordered, ZeroWindows uint16
	// WindowKnown is set if the SYNs of both sides were seen, since they
	// contain the window scale (RFC 7323). Window is the number of bytes that
	// this side accepts beyond its last acknowledgement, InFlight the number of
	// bytes that it sent and that are not acknowledged. Events contain none of
	// this.
	WindowKnown bool
	// Local: the end that sends in this direction is this machine, by its addresses at
	// the time of reading. It is only known where an interface is watched.
	Local            bool `json:",omitempty"`
	Window, InFlight uint32
}

// Seen reports whether this direction ever had a packet.
func (h Half) Seen() bool {
	return h.Packets > 0
}

// Closer is the side that began to close a TCP flow.
type Closer uint8

// Closer has no other values.
const (
	// CloserNone means that no side has.
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

// Flow is one tracked conversation in a snapshot. It has few gaps, and no pointer but those
// of its process and name, since a console may hold millions.
type Flow struct {
	ID ID
	// Tuple is the tuple of the flow's first packet.
	Tuple Tuple
	State State
	// Outgoing: the first packet went out by the interface In, which is watched, and
	// did not come in.
	Outgoing bool `json:",omitempty"`
	// In is the index, in [Snapshot.Interfaces], of the interface that the
	// first packet came in by, or was seen at.
	In uint16
	// NAT is for [Snapshot.OtherHalf], 0 if the flow is not translated or that is not
	// known. Recordings do not contain it.
	NAT uint32 `json:"-"`
	// Origin and Reply are the two directions.
	Origin, Reply Half
	// Age is the time since the first packet, Idle since the last one, both
	// at [Snapshot.Time].
	Age, Idle time.Duration
	// Timeout is the duration of the timeout of the flow's state, which
	// TimeoutName is. If OwnTimeout is set, it is the flow's own timeout.
	Timeout     time.Duration
	TimeoutName TimeoutName
	OwnTimeout  bool
	// Invalid counts packets that had the flow's tuple but did not belong to
	// it, Related ICMP errors about the flow. The counters stop at 65,535.
	Invalid, Related uint16
	// ClosedBy is the side that sent the first FIN.
	ClosedBy Closer
	// OneSided is set if the reply direction was not seen at its own interface.
	// Either replies take another path, or both ends are on the same side.
	OneSided bool
	// Holding is the process behind the flow, where it is known.
	Holding Holding `json:",omitzero"`
	// Server is the name of the end that the first packet went to, where traffic is read
	// for names and had one.
	Server *ServerName `json:",omitempty"`
}

// Append appends a flow. The room for them doubles: append would make it a quarter larger
// each time, and copy a million flows four times.
func Append(flows []Flow, f *Flow) []Flow {
	const doubled = 1 << 20
	if len(flows) == cap(flows) && len(flows) < doubled {
		flows = slices.Grow(flows, max(len(flows), 1))
	}
	return append(flows, *f)
}

// Ref returns a reference to the flow for an [Act].
func (f *Flow) Ref() Ref {
	return Ref{ID: f.ID, Tuple: f.Tuple}
}

// TTL returns the time until the flow expires, never negative. since is the
// time since the snapshot.
func (f *Flow) TTL(since time.Duration) time.Duration {
	return max(f.Timeout-f.Idle-since, 0)
}

// Packets returns the packets of both directions.
func (f *Flow) Packets() uint64 { return f.Origin.Packets + f.Reply.Packets }

// Bytes returns the bytes of both directions.
func (f *Flow) Bytes() uint64 { return f.Origin.Bytes + f.Reply.Bytes }

// BPS returns the bits per second of both directions.
func (f *Flow) BPS() float64 { return f.Origin.BPS + f.Reply.BPS }
