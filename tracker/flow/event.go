package flow

import (
	"fmt"
	"time"
)

// EventType says what an event tells.
type EventType uint8

const (
	// EventNew is a flow's first packet.
	EventNew EventType = iota + 1
	// EventUpdate is a change of state.
	EventUpdate
	// EventDestroy is a flow's end.
	EventDestroy
	// EventLost stands where events are missing because the reader was too
	// slow; [Event.Lost] tells how many.
	EventLost
)

// String returns the type's name as every output spells it.
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

// Reason says why a flow ended.
type Reason uint8

const (
	// ReasonNone is no reason: the flow lives.
	ReasonNone Reason = iota
	// ReasonRST is a reset by one of the endpoints.
	ReasonRST
	// ReasonClosed is the final ACK of an orderly close.
	ReasonClosed
	// ReasonExpired is silence for longer than the timeout.
	ReasonExpired
	// ReasonDeleted is an operator's doing.
	ReasonDeleted
	// ReasonEvicted is a full table.
	ReasonEvicted
	// ReasonReused is the same tuple being opened again.
	ReasonReused
	// ReasonReset is an operator's doing, at both ends.
	ReasonReset
)

var reasonNames = [...]string{
	ReasonNone: "", ReasonRST: "rst", ReasonClosed: "closed", ReasonExpired: "expired",
	ReasonDeleted: "deleted", ReasonEvicted: "evicted", ReasonReused: "reused",
	ReasonReset: "reset",
}

// Reasons returns every reason for which a flow can end.
func Reasons() []Reason {
	return []Reason{ReasonRST, ReasonClosed, ReasonExpired, ReasonDeleted, ReasonEvicted, ReasonReused, ReasonReset}
}

// String returns the reason's name as every output spells it, empty for
// [ReasonNone].
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason_%d", uint8(r))
}

// Event is one fact pushed by the kernel.
type Event struct {
	Time time.Time
	Type EventType
	ID   ID
	// Tuple is the one of the flow's first packet.
	Tuple Tuple
	// From and To are the states before and after. A new flow comes from
	// StateNone, a destroyed one goes there.
	From, To State
	// Direction is the one of the packet that caused the event. Where no
	// packet did (expired, deleted) it is Origin.
	Direction Direction
	// Reason is set on EventDestroy only.
	Reason Reason
	// Origin and Reply are the flow's counters when the event was made. Their
	// rates are zero.
	Origin, Reply Half
	// Age is how long the flow had lived.
	Age time.Duration
	// ClosedBy says who sent the first FIN so far; who sent a RST, where that is
	// the Reason, is the Direction.
	ClosedBy Closer
	// Invalid and Related are as in [Flow].
	Invalid, Related uint16
	// Recovered marks an event that was lost and is told by what the table
	// showed afterwards: several changes may have become one, the direction is
	// not known, nor is the reason of an end, nor its counters.
	Recovered bool
	// Lost is the number of events missing here, on EventLost only.
	Lost uint64
}

// Flow returns what the event says about its flow. A destroyed flow is in the state
// it had before.
func (e *Event) Flow() *Flow {
	f := &Flow{
		ID: e.ID, Tuple: e.Tuple, State: e.To,
		Origin: e.Origin, Reply: e.Reply, Age: e.Age,
		Invalid: e.Invalid, Related: e.Related, ClosedBy: e.ClosedBy,
	}
	if e.Type == EventDestroy {
		f.State = e.From
	}
	return f
}
