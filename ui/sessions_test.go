package ui

import (
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/filter"
)

// colleagues are other operators who do what a test tells them.
type colleagues struct {
	notices []Notice
	present []string
}

func (c *colleagues) Notices(after uint64) ([]Notice, uint64) {
	n := uint64(len(c.notices))
	return c.notices[min(after, n):], n
}

func (c *colleagues) Present() []string { return c.present }

func TestOtherSessionsAreAmongTheEvents(t *testing.T) {
	others := &colleagues{present: []string{"operator ann", "viewer vic\x1b[2J"}}
	c := newConsole(t, 140, 24, flowsUpTo(3), WithSessions(others))
	c.press("2")
	c.pass(time.Second)
	c.shows("on: operator ann, viewer vic·[2J")
	others.notices = append(others.notices, Notice{Time: c.now, Text: "ann deleted \x1b[2J3 flows"})
	c.pass(time.Second)
	c.shows("ann deleted ·[2J3 flows")
	c.press("G", "y", "enter") // there is no flow to it
	c.pass(time.Second)
	c.shows("ann deleted")
	others.present = nil
	c.pass(time.Second)
	c.hides("on:")
}

// Keys that arrive together are taken one by one.
func TestKeysThatArriveTogether(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(10))
	c.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("jjdy")})
	if len(c.source.deleted) != 1 {
		t.Fatalf("deleted %v", c.source.deleted)
	}
	c.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("/udp")})
	c.shows("filter: udp")
}

func TestBeginsWithAFilter(t *testing.T) {
	f, err := filter.Parse("udp")
	if err != nil {
		t.Fatal(err)
	}
	c := newConsole(t, 120, 24, flowsUpTo(10), WithFilter(f))
	c.shows("filter: udp")
	c.hides(" tcp ")
}
