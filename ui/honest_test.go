package ui

import (
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/tracker/flow"
	"ctop/ui/detail"
	"ctop/ui/flows"
)

// TestUnacknowledgedSaysWhy tells apart the flows that have the timeout of those
// which somebody left unanswered.
func TestUnacknowledgedSaysWhy(t *testing.T) {
	unanswered, data, closed, both, unknown, ended := fakeFlow(0), fakeFlow(0), fakeFlow(0), fakeFlow(0), fakeFlow(0), fakeFlow(0)
	unanswered.State = flow.StateNew
	for _, f := range []*flow.Flow{&data, &closed, &both, &ended} {
		f.Origin.Window, f.Reply.Window = 1000, 1000
		f.Origin.InFlight, f.Reply.InFlight = 0, 0
	}
	unknown.Origin.WindowKnown, unknown.Reply.WindowKnown = false, false
	data.Origin.InFlight = 1200
	closed.Origin.Window = 0
	both.Reply.InFlight, both.Reply.Window = 10, 0
	for want, f := range map[string]flow.Flow{
		"It was picked up midstream and reply has not been seen.":                                                                       unanswered,
		"The flow is open, but reply has not acknowledged 1.2 kB of origin's data.":                                                     data,
		"The flow is open, but origin has closed its window.":                                                                           closed,
		"reply has closed its window and origin has not acknowledged 10 B of reply's data":                                              both,
		"The flow is open, but one side has not acknowledged what the other sent, or has closed its window, or its end was missed here": unknown,
		"Its end was missed here: both sides have closed it outside the window, or the other host of a pair has heard the end.":         ended,
	} {
		f.TimeoutName = flow.TCPUnacknowledged
		c := newConsole(t, 200, 40, []flow.Flow{f})
		c.press("enter")
		c.shows(want)
	}
}

// TestPinKeepsWhatWasGiven has the key P after others that give a timeout.
func TestPinKeepsWhatWasGiven(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(10))
	c.press("+", "P")
	c.shows("stays 10d in every state")
	if n := len(c.source.timeouts); n != 1 {
		t.Errorf("set %v", c.source.timeouts)
	}
}

// TestEndedFlowsAreLeftAlone has the keys that give a timeout on the page of a
// flow that ended long ago.
func TestEndedFlowsAreLeftAlone(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(10))
	c.press("enter")
	f := c.m.frame.Front().(*detail.Page).Flow()
	c.source.events = append(c.source.events, flow.Event{
		Time: start, Type: flow.EventDestroy, ID: f.ID, Tuple: f.Tuple, Reason: flow.ReasonRST,
	})
	c.publish(flowsUpTo(10)[1:], time.Minute)
	c.shows("ended: rst")
	for _, k := range []string{"+", "-", "P", "0", "d"} {
		c.press(k)
		c.shows("this flow has ended already")
		c.hides("end 1 flow?")
	}
	if len(c.source.timeouts)+len(c.source.deleted) > 0 {
		t.Errorf("set %v, deleted %v", c.source.timeouts, c.source.deleted)
	}
}

// TestTimeoutsDefault gives a timeout its default again.
func TestTimeoutsDefault(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(10))
	c.press("t", "0")
	c.shows("tcp_syn_sent is now 2m")
	c.source.timeouts = nil
	c.now = c.now.Add(time.Second)
	c.source.snapshot = snapshotOf(c.now, flowsUpTo(10))
	c.source.snapshot.Timeouts[flow.TCPSynSent] = time.Hour
	c.send(tickMsg{c.m.generation})
	c.press("0")
	if len(c.source.timeouts) != 1 || c.source.timeouts[0] != "tcp_syn_sent=2m0s" {
		t.Errorf("set %v", c.source.timeouts)
	}
}

// TestTerminalWithoutSize has one that reports 0×0, as serial lines do.
func TestTerminalWithoutSize(t *testing.T) {
	c := newConsole(t, 0, 0, flowsUpTo(10))
	if c.m.frame.Width != 80 || c.m.frame.Height != 24 {
		t.Errorf("%d×%d", c.m.frame.Width, c.m.frame.Height)
	}
	c.shows("10.0.0.0:40000", "q quit")
	c = newConsole(t, 0, 0, flowsUpTo(10), WithSize(100, 30), WithSize(0, 5))
	if c.m.frame.Width != 100 || c.m.frame.Height != 30 {
		t.Errorf("%d×%d", c.m.frame.Width, c.m.frame.Height)
	}
	c.send(tea.WindowSizeMsg{Width: 50, Height: 10})
	if c.m.frame.Width != 50 {
		t.Errorf("%d wide, though it said 50", c.m.frame.Width)
	}
}

// TestTitlesApart has a screen so narrow that the titles have to be cut.
func TestTitlesApart(t *testing.T) {
	for width := 16; width < 40; width++ {
		c := newConsole(t, width, 5, flowsUpTo(10))
		c.hides("ORIGINREPLY")
	}
}

// TestSortPromptIsWhole has every letter on the screen of the sort prompt.
func TestSortPromptIsWhole(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(10))
	c.press("s")
	for name, letter := range flows.SortLetters() {
		c.shows(letter + " " + name)
	}
	c.shows("S reverse", "⏎ done")
}
