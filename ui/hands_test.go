package ui

import (
	"slices"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
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

// Esc and the next key arrive together on a slow link, where they look like one with Alt.
// A prompt has such keys: it keeps them.
func TestEscAndAKeyTogether(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(5))
	c.press("?")
	c.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{'2'}, Alt: true})
	c.shows("[2 Events]")
	c.press("1", "/", "tcp", "enter")
	c.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("S?"), Alt: true})
	c.shows("flows to the same service")
	c.hides("filter: tcp")
	c.press("esc")
	c.shows("← b/s ▲")
	c.press("/", "proto:tcp 10")
	c.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{'b'}, Alt: true}) // a word back
	c.shows("/ proto:tcp ▏10", "⏎ keep")
}
