package ui

import (
	"net/netip"
	"time"

	"ctop/internal/order"
	"ctop/tracker/flow"
)

// tickMsg asks for a look at the source. A tick of another generation than the
// present one is late and starts nothing.
type tickMsg struct{ generation int }

// polledMsg is what a look at the source found.
type polledMsg struct {
	generation int
	now        time.Time
	snapshot   *flow.Snapshot
	events     []flow.Event
	next       uint64
	company    companyPoll
}

// arrangedMsg brings rows in order. One of another wish than the present was
// overtaken by a key.
type arrangedMsg struct {
	wish   int
	result order.Result
	took   time.Duration
}

// surveyedMsg brings what a question about many flows has to say.
type surveyedMsg struct {
	survey order.Survey
	// all tells the flows that the filter shows from the marked ones.
	all bool
}

// talkedMsg brings groups of flows in order. One of another wish than the
// present was overtaken by a key.
type talkedMsg struct {
	wish   int
	groups order.Groups
	took   time.Duration
}

// totalledMsg brings what all flows amount to, and who opened the latest.
type totalledMsg struct {
	count   order.Count
	opening order.Opening
}

// resumedMsg brings what has changed while the console was paused.
type resumedMsg struct {
	change order.Change
	lasted time.Duration
}

// returnedMsg brings how many deleted flows a snapshot has again.
type returnedMsg struct{ flows int }

// namedMsg brings the name of an address, empty where it has none.
type namedMsg struct {
	address netip.Addr
	name    string
}

// countedMsg brings how many flows each timeout applies to.
type countedMsg struct {
	values flow.Timeouts
	counts [len(flow.Timeouts{})]int
}

// endingMsg brings how many flows a new timeout would end.
type endingMsg struct {
	name     flow.TimeoutName
	duration time.Duration
	// touched is how many have it, flows how many it would end.
	touched, flows int
	// apply is set where the operator has asked for the new value, and not
	// only typed it.
	apply bool
}

// doneMsg is what became of something that the operator asked for.
type doneMsg struct {
	text string
	err  error
	// noted is the line for the events view; nothing where the act changed
	// nothing.
	noted string
	// given is the timeout that a flow was given.
	given given
	// deleted are the flows that were to be deleted.
	deleted []flow.Ref
}
