package flow

import "fmt"

// State is the state of a flow's protocol state machine.
type State uint8

// The states in the order of a flow's life. StateNone means no flow: before the
// first packet and after the end.
const (
	StateNone State = iota
	StateNew
	StateSynSent
	StateSynRecv
	StateEstablished
	StateFinWait1
	StateFinWait2
	StateLastAck
	StateTimeWait
)

var stateNames = [...]string{
	StateNone:        "NONE",
	StateNew:         "NEW",
	StateSynSent:     "SYN_SENT",
	StateSynRecv:     "SYN_RECV",
	StateEstablished: "ESTABLISHED",
	StateFinWait1:    "FIN_WAIT_1",
	StateFinWait2:    "FIN_WAIT_2",
	StateLastAck:     "LAST_ACK",
	StateTimeWait:    "TIME_WAIT",
}

// States returns all states but StateNone in the order of a flow's life.
func States() []State {
	return []State{
		StateNew, StateSynSent, StateSynRecv, StateEstablished,
		StateFinWait1, StateFinWait2, StateLastAck, StateTimeWait,
	}
}

// String returns the state's name in all outputs.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("STATE_%d", uint8(s))
}

// Opening reports whether the flow is not established yet.
func (s State) Opening() bool {
	return s == StateNew || s == StateSynSent || s == StateSynRecv
}

// Closing reports whether an endpoint has begun to close the flow.
func (s State) Closing() bool {
	return s >= StateFinWait1 && s <= StateTimeWait
}
