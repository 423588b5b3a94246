package ui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
	"ctop/ui/theme"
)

// Flows that have just ended are no longer counted, neither as shown nor as all.
func TestCountsLivingFlows(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(13))
	c.source.events = []flow.Event{
		destroy(fakeFlow(1), flow.ReasonClosed, start.Add(time.Second)), destroy(fakeFlow(2), flow.ReasonRST, start.Add(time.Second)),
	}
	c.pass(time.Second) // the same snapshot, which still has them
	c.shows("11/11")
	c.press("/", "tcp", "enter")
	c.hides("/13")
}

// A filter for sick flows that finds none has found good news.
func TestNothingIsSick(t *testing.T) {
	well := fakeFlow(0)
	c := newConsole(t, 120, 24, []flow.Flow{well})
	c.press("!")
	c.shows("no flow is sick; Esc shows all 1")
	c.press("esc", "/", "port:9", "enter")
	c.shows("none of 1 flow passes the filter")
	// Where there is no flow at all, or a sick one that a filter hides, that is what is said.
	none := newConsole(t, 120, 24, nil)
	none.press("!")
	none.hides("no flow is sick")
	sick := fakeFlow(0)
	sick.Origin.Retransmits, sick.Origin.Packets = 500, 1000
	hidden := newConsole(t, 120, 24, []flow.Flow{sick})
	hidden.press("!", "/", "port:9", "enter")
	hidden.hides("no flow is sick")
}

// Nothing can be done to a flow that has ended, so its page offers nothing.
func TestEndedOffersNoActs(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(1))
	c.press("enter")
	c.shows("d delete", "x reset")
	e := destroy(fakeFlow(0), flow.ReasonClosed, start.Add(time.Second))
	e.Age = 300 * time.Millisecond
	c.source.events = []flow.Event{e}
	c.pass(time.Second)
	c.shows("ended: closed", "It lived less than a second.", "y copy")
	c.hides("d delete", "x reset", "P pin")
}

// In ASCII the name of Enter is as long as its column, so that what it does stays in line.
func TestHelpInASCIIIsAligned(t *testing.T) {
	c := newConsole(t, 80, 40, flowsUpTo(1), WithASCII())
	c.press("?")
	lines := strings.Split(c.m.View(), "\n")
	at := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "everything about the flow") })
	if at < 0 {
		t.Fatal(c.m.View())
	}
	if x, below := strings.Index(lines[at], "everything"), strings.Index(lines[at+1], "back; drop"); x != below {
		t.Errorf("not in line:\n%s\n%s", lines[at], lines[at+1])
	}
	if got := theme.ASCII("\x1b[1m⏎\x1b[0m        x", 80); got != "\x1b[1mEnter\x1b[0m    x" {
		t.Errorf("%q", got)
	}
}
