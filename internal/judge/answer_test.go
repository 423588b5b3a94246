package judge

import (
	"fmt"
	"slices"

	"ctop/internal/script"
)

// Verdict is a tracker's conclusion about one packet.
type Verdict uint8

// The verdicts, with nft's names. None means that the packet did not reach the
// place where the kernel's verdict can be read.
const (
	None Verdict = iota
	Invalid
	New
	Established
	Related
	Untracked
)

var verdictNames = []string{"none", "invalid", "new", "established", "related", "untracked"}

func (v Verdict) String() string { return verdictNames[v] }

// State is the state of a flow, in ctop's terms; the kernel's are mapped.
type State uint8

// The states of ctop, then the states that only the kernel has.
const (
	Gone State = iota
	Unanswered
	SynSent
	SynRecv
	Open
	FinWait1
	FinWait2
	LastAck
	TimeWait
	KernelSynSent2
	KernelCloseWait
	KernelClose
)

var stateNames = []string{
	"-", "NEW", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2",
	"LAST_ACK", "TIME_WAIT", "SYN_SENT2", "CLOSE_WAIT", "CLOSE",
}

func (s State) String() string { return stateNames[s] }

// Answer is a tracker's answer to a packet: its verdict, and the state of the
// flow with its tuple.
type Answer struct {
	Verdict Verdict
	State   State
	// Why is the tracker's reason for an invalid packet, or for a flow's end.
	Why string
}

func (a Answer) String() string {
	if a.Why == "" {
		return fmt.Sprintf("%s %s", a.Verdict, a.State)
	}
	return fmt.Sprintf("%s %s (%s)", a.Verdict, a.State, a.Why)
}

// answerOf parses the expected answer of a scenario.
func answerOf(w *script.Want) (a Answer, err error) {
	verdict, state := slices.Index(verdictNames, w.Verdict), slices.Index(stateNames, w.State)
	if verdict < 0 || state < 0 || len(w.Fields) > 0 || w.Reason != "" && w.Ended != "" {
		return a, fmt.Errorf("%+v is not for this player", *w)
	}
	return Answer{Verdict: Verdict(verdict), State: State(state), Why: w.Reason + w.Ended}, nil
}

// counterparts maps each state of ctop to the equivalent states of the kernel.
// The kernel's FIN_WAIT means "a FIN was seen", CLOSE_WAIT "and an ACK after
// it", LAST_ACK "and another FIN", TIME_WAIT "and an ACK after that". A flow in
// ctop's TIME_WAIT has seen both FINs, in order; it may or may not have seen
// the second FIN's acknowledgement.
var counterparts = map[State][]State{
	Gone:       {Gone},
	Unanswered: {Unanswered},
	SynSent:    {SynSent},
	SynRecv:    {SynRecv, KernelSynSent2},
	Open:       {Open},
	FinWait1:   {FinWait1},
	FinWait2:   {KernelCloseWait},
	LastAck:    {LastAck},
	TimeWait:   {LastAck, TimeWait},
}

// agree reports whether the answers of ctop and the kernel are equivalent.
func agree(ctop, kernel Answer) bool {
	return ctop.Verdict == kernel.Verdict && sameState(ctop.State, kernel.State)
}

func sameState(ctop, kernel State) bool {
	return slices.Contains(counterparts[ctop], kernel)
}
