package ui

import (
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// sickFlows returns three flows of which the second sends much again.
func sickFlows() []flow.Flow {
	list := []flow.Flow{fakeFlow(0), fakeFlow(5), fakeFlow(10)}
	for i := range list {
		f := &list[i]
		f.Idle, f.Origin.Retransmits, f.Reply.InFlight = 0, 0, 0
	}
	list[1].Origin.Packets, list[1].Origin.Retransmits = 100, 7
	return list
}

// TestSick shows what is wrong: a sign in the row, a number in the footer, a filter by a
// key, a sentence on the detail page, and the worst in the overview.
func TestSick(t *testing.T) {
	c := newConsole(t, 120, 30, sickFlows())
	c.shows("\n !tcp   10.0.0.5:40005 ", "! 1 sick", "\n  tcp   10.0.0.10:40010 ")
	c.press("!")
	c.shows("filter: sick", "1/3", "back to flows", "▌!tcp   10.0.0.5")
	c.press("space", "up")
	if line := c.cursor(); !strings.HasPrefix(line, "▌●tcp") {
		t.Errorf("the cursor is on %q", line)
	}
	c.press("enter")
	c.shows("sick", "origin sent 7.0 % of its packets again")
	c.press("esc", "esc", "!")
	c.hides("filter:")
	c.press("/", "tcp", "enter", "4")
	c.shows(" sick    1   retransmits 1", " worst   tcp 10.0.0.5:40005 → 192.168.1.10:443: origin sent 7.0 % of its packets again")
	c.press("!")
	c.shows("[1 Flows]", "filter: tcp sick")
	c.press("!")
	c.shows("[4 Overview]")
	c.press("1", "/", "backspace", "backspace", "backspace", "sick", "enter", "!")
	c.hides("filter:")
	c.publish(sickFlows()[:1], time.Second)
	c.hides("! 1 sick")
	c.press("4")
	c.hides(" worst ")
}

// A marked row keeps its mark, and is sick beside it.
func TestSickAndMarked(t *testing.T) {
	c := newConsole(t, 120, 30, sickFlows())
	c.press("down", "space")
	c.shows("\n!●tcp   10.0.0.5:40005 ")
}

// A flow that was refused is shown as sick while it lingers, and says so.
func TestRefused(t *testing.T) {
	c := newConsole(t, 120, 30, sickFlows())
	f := fakeFlow(1)
	e := destroy(f, flow.ReasonRST, start.Add(time.Second))
	e.From, e.Direction = flow.StateSynSent, flow.Reply
	c.source.events = append(c.source.events, e)
	c.publish(append(sickFlows(), f), time.Second)
	c.shows("!tcp   10.0.0.1:40001 ")
	c.press("G", "enter")
	c.shows("Nobody accepts it: a RST answered it.")
}
