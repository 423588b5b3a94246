package ui

import (
	"testing"
	"time"
)

// An order that another time left is said, and 0 in the prompt takes it back.
func TestLeftOrderIsSaid(t *testing.T) {
	const said = "sorted by state, as you left it; s 0 sorts by rate again"
	left := WithSettings(Settings{Sort: "state:asc"})
	c := newConsole(t, 120, 24, flowsUpTo(5), left)
	c.shows("STATE ▲", said)
	c.press("s")
	c.shows("0 as at first")
	c.press("0")
	c.hides(said, "STATE ▲", "sort by")
	c.shows("→ b/s ▼")
	if got := c.m.Settings().Sort; got != "rate:desc" {
		t.Errorf("sorted by %s", got)
	}
	c.pass(time.Second)
	c.hides(said)

	first := newConsole(t, 120, 24, flowsUpTo(5), WithSettings(Settings{Sort: "rate:desc", Rates: "packets"}))
	first.hides("as you left it")
	wanted := newConsole(t, 120, 24, flowsUpTo(5), left, WithSort("age:asc"))
	wanted.shows("AGE ▲")
	wanted.hides("as you left it")
}
