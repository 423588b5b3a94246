package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"ctop/tracker/flow"
)

// The header says everything that is wrong once, and takes no interface for another
// whose name begins the same.
func TestHeaderSaysEachProblemOnce(t *testing.T) {
	c := newConsole(t, 140, 24, flowsUpTo(5))
	s := snapshotOf(start.Add(time.Second), flowsUpTo(5))
	full := flow.Warning{Kind: flow.WarningTable, Numbers: []int{95}}
	s.Interfaces[0].Name, s.Interfaces[1].Name = "veth1", "veth10"
	s.Interfaces[0].Up, s.Interfaces[1].Up = false, false
	s.Warnings = flow.Warnings{full, {Kind: flow.WarningDown, Interfaces: []string{"veth10"}}, full}
	c.source.snapshot = s
	c.pass(time.Second)
	c.shows(" table 95 % · veth10 down · veth1 down ")
	c.hides("table 95 % · table")
}

// TestSlowLinkInHeader says which part of the frames is shown, while that is not all.
func TestSlowLinkInHeader(t *testing.T) {
	every := 1
	c := newConsole(t, 80, 24, flowsUpTo(10), WithLink(func() int { return every }))
	c.hides("slow link")
	every = 3
	c.pass(time.Second)
	c.shows("slow link 1/3")
	every = 1
	c.pass(time.Second)
	c.hides("slow link")
}

// What just fits into the header is not cut for the blanks behind it.
func TestHeaderJustFits(t *testing.T) {
	for width := 24; width < 120; width++ {
		c := newConsole(t, width, 24, flowsUpTo(5), WithRole("owner"))
		if line, _, _ := strings.Cut(c.m.View(), "\n"); strings.Contains(line, "…") {
			t.Errorf("%d columns: %q", width, line)
		}
	}
}

// Problems that have no room are cut, and ctop itself stays in sight.
func TestHeaderCutsProblems(t *testing.T) {
	for _, width := range []int{30, 40} {
		c := newConsole(t, width, 24, flowsUpTo(5))
		s := snapshotOf(start.Add(time.Second), flowsUpTo(5))
		s.Interfaces[0].Name, s.Interfaces[1].Name = "an-interface-a", "an-interface-b"
		s.Interfaces[0].Up, s.Interfaces[1].Up = false, false
		c.source.snapshot = s
		c.pass(time.Second)
		line, _, _ := strings.Cut(c.m.View(), "\n")
		if text := ansi.Strip(line); !strings.HasPrefix(text, " ctop   an-interface") || !strings.HasSuffix(text, "…") || ansi.StringWidth(text) != width {
			t.Errorf("%d columns: %q", width, text)
		}
	}
}
