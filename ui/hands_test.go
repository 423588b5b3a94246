package ui

import (
	"slices"
	"testing"
	"time"
)

// TestActingKeysHoldTheRow: once a key acts on a flow, the next one is for the same flow,
// whatever is the busiest then.
func TestActingKeysHoldTheRow(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(10))
	c.publish(flowsUpTo(10)[3:], time.Second)
	c.cursorOn("10.0.0.3:")
	c.press("+")
	c.publish(flowsUpTo(10), time.Second)
	c.cursorOn("10.0.0.3:")
	c.press("g")
	c.cursorOn("10.0.0.0:")
	c.press("f")
	c.publish(flowsUpTo(20), time.Second)
	c.shows("12/20")
}

// TestFiltersAreRemembered in the settings, for the next console.
func TestFiltersAreRemembered(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(10))
	c.press("/", "udp", "enter", "/", "tcp", "enter")
	saved := c.m.Settings()
	if !slices.Equal(saved.Filters, []string{"tcp", "udp"}) {
		t.Fatalf("saved %q", saved.Filters)
	}
	c = newConsole(t, 80, 24, flowsUpTo(10), WithSettings(saved))
	c.press("/", "up", "up", "enter")
	c.shows("filter: udp")
}
