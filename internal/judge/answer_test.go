package judge

import (
	"fmt"
	"slices"

	"ctop/internal/script"
)

// Verdict is what a tracker concluded about one packet.
type Verdict uint8

// The verdicts, as nft names them. None is that of a packet which the kernel
// did not let through to where it could be asked.
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

// State is where a flow stands, in ctop's words; the kernel's are mapped.
type State uint8

// The states of ctop, then those that only the kernel has.
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

// Answer is what a tracker says after a packet: the packet's verdict, and the
// state of the flow with that packet's tuple.
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

// answerOf reads what a scenario wants.
func answerOf(w *script.Want) (a Answer, err error) {
	verdict, state := slices.Index(verdictNames, w.Verdict), slices.Index(stateNames, w.State)
	if verdict < 0 || state < 0 || len(w.Fields) > 0 || w.Reason != "" && w.Ended != "" {
		return a, fmt.Errorf("%+v is not for this player", *w)
	}
	return Answer{Verdict: Verdict(verdict), State: State(state), Why: w.Reason + w.Ended}, nil
}

// counterparts has, for every state of ctop, the states of the kernel that say
// the same. The kernel's FIN_WAIT is "a FIN was seen", CLOSE_WAIT "and an ACK
// after it", LAST_ACK "and another FIN", TIME_WAIT "and an ACK after that". A
// flow in ctop's TIME_WAIT has seen both FINs, in order; whether the second is
// acknowledged makes no difference to it.
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

// agree tells whether ctop and the kernel say the same.
func agree(ctop, kernel Answer) bool {
	return ctop.Verdict == kernel.Verdict && sameState(ctop.State, kernel.State)
}

func sameState(ctop, kernel State) bool {
	return slices.Contains(counterparts[ctop], kernel)
}
