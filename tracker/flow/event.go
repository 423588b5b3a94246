package flow

import (
	"fmt"
	"time"
)

// EventType is the type of an event.
type EventType uint8

const (
	// EventNew reports the first packet of a flow.
	EventNew EventType = iota + 1
	// EventUpdate reports a change of state.
	EventUpdate
	// EventDestroy reports the end of a flow.
	EventDestroy
	// EventLost reports missing events, because the reader was too slow.
	// [Event.Lost] is their number.
	EventLost
)

// String returns the type's name in all outputs.
func (t EventType) String() string {
	switch t {
	case EventNew:
		return "new"
	case EventUpdate:
		return "update"
	case EventDestroy:
		return "destroy"
	case EventLost:
		return "lost"
	}
	return fmt.Sprintf("event_%d", uint8(t))
}

// Reason is the reason why a flow ended.
type Reason uint8

const (
	// ReasonNone means that the flow has not ended.
	ReasonNone Reason = iota
	// ReasonRST means that an endpoint reset the connection.
	ReasonRST
	// ReasonClosed means that both sides closed the connection and the final
	// ACK was seen.
	ReasonClosed
	// ReasonExpired means that the flow was silent for longer than its timeout.
	ReasonExpired
	// ReasonDeleted means that an operator deleted the flow.
	ReasonDeleted
	// ReasonEvicted means that the flow made room in a full table.
	ReasonEvicted
	// ReasonReused means that a new flow with the same tuple began.
	ReasonReused
	// ReasonReset means that an operator reset the connection at both ends.
	ReasonReset
)

var reasonNames = [...]string{
	ReasonNone: "", ReasonRST: "rst", ReasonClosed: "closed", ReasonExpired: "expired",
	ReasonDeleted: "deleted", ReasonEvicted: "evicted", ReasonReused: "reused",
	ReasonReset: "reset",
}

// Reasons returns all reasons but [ReasonNone].
func Reasons() []Reason {
	return []Reason{ReasonRST, ReasonClosed, ReasonExpired, ReasonDeleted, ReasonEvicted, ReasonReused, ReasonReset}
}

// String returns the reason's name in all outputs, empty for [ReasonNone].
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason_%d", uint8(r))
}

// Event is a change of one flow, reported by the kernel.
type Event struct {
	Time time.Time
	Type EventType
	ID   ID
	// Tuple is the tuple of the flow's first packet.
	Tuple Tuple
	// From and To are the states before and after. From is StateNone for a new
	// flow, To for a destroyed one.
	From, To State
	// Direction is the direction of the packet that caused the event. It is
	// Origin if no packet did, as for expired and deleted flows.
	Direction Direction
	// Reason is only set for EventDestroy.
	Reason Reason
	// In and Outgoing are as in [Flow]. Interface is the name of the interface In.
	// Events of older recordings have none of them.
	In        uint16 `json:",omitempty"`
	Interface string `json:",omitempty"`
	Outgoing  bool   `json:",omitempty"`
	// Inherited is as in [Flow].
	Inherited bool `json:",omitempty"`
	// Host is the host that told it, where events are of several.
	Host string `json:",omitempty"`
	// Origin and Reply are the flow's counters at the time of the event. Their
	// rates are zero.
	Origin, Reply Half
	// Age is the age of the flow. Idle is the time since its last packet, in events that
	// no packet caused.
	Age  time.Duration
	Idle time.Duration `json:"-"`
	// Octets are the octets of IP packets in both directions, where the tracker counts
	// them.
	Octets [2]uint64 `json:"-"`
	// ClosedBy is the side that sent the first FIN so far. If Reason is
	// ReasonRST, Direction is the side that sent the RST.
	ClosedBy Closer
	// Invalid and Related are as in [Flow].
	Invalid, Related uint16
	// Recovered is set for an event derived from the table after the original
	// was lost. It may stand for several changes. Its direction, the reason for
	// an end and the final counters are unknown.
	Recovered bool
	// Holding is as in [Flow].
	Holding Holding `json:",omitzero"`
	// Server is as in [Flow].
	Server *ServerName `json:",omitempty"`
	// Lost is the number of missing events. It is only set for EventLost.
	Lost uint64
}

// Flow returns the event's data as a flow. A destroyed flow has the state
// before its end.
func (e *Event) Flow() *Flow {
	f := &Flow{
		ID: e.ID, Tuple: e.Tuple, State: e.To,
		In: e.In, Outgoing: e.Outgoing,
		Origin: e.Origin, Reply: e.Reply, Age: e.Age,
		Invalid: e.Invalid, Related: e.Related, ClosedBy: e.ClosedBy, Holding: e.Holding, Server: e.Server,
	}
	if e.Type == EventDestroy {
		f.State = e.From
	}
	return f
}
