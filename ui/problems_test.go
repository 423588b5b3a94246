package ui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// What is wrong is said as soon as there is one of it, and a snapshot is old after three
// times the time between two, but not before three seconds.
func TestProblems(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(3))
	m := c.m.root
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, test := range map[string]struct {
		age, gap time.Duration
		lost     uint64
		names    flow.Naming
		want     []string
	}{
		"nothing":               {},
		"three seconds":         {age: 3 * time.Second},
		"more than three":       {age: 4 * time.Second, want: []string{"scan 4s old"}},
		"slow, three times":     {age: 6 * time.Second, gap: 2 * time.Second},
		"slow, more than three": {age: 7 * time.Second, gap: 2 * time.Second, want: []string{"scan 7s old"}},
		"a lost event":          {lost: 1, want: []string{"lost 1"}},
		"a lost name":           {names: flow.Naming{NoRoom: 1}, want: []string{"names lost 1"}},
		"both":                  {lost: 2, names: flow.Naming{OverBudget: 1, Dropped: 3}, want: []string{"names lost 4", "lost 2"}},
	} {
		m.frame.Now, m.gap = at, test.gap
		m.frame.Latest = &flow.Snapshot{Time: at.Add(-test.age), Naming: test.names, Counters: flow.Counters{EventsLost: test.lost}}
		if got := m.problems(); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, not %q", name, got, test.want)
		}
	}
}

// A screen that is too small says how large it is and has to be, and nothing else; one of
// the least size is used.
func TestLeastScreen(t *testing.T) {
	needs := fmt.Sprintf("ctop needs %dx%d", leastWidth, leastHeight)
	for size, want := range map[[2]int]string{
		{leastWidth, leastHeight}:     "",
		{leastWidth - 1, leastHeight}: fmt.Sprintf("too small: %dx%d\n%s", leastWidth-1, leastHeight, needs),
		{leastWidth, leastHeight - 1}: fmt.Sprintf("too small: %dx%d\n%s", leastWidth, leastHeight-1, needs),
		{leastWidth, 1}:               fmt.Sprintf("too small: %dx1\n%s", leastWidth, needs),
	} {
		m := newConsole(t, 80, 24, flowsUpTo(3)).m.root
		m.frame.Width, m.frame.Height = size[0], size[1]
		if got := strings.TrimRight(strings.Join(m.tooSmall(), "\n"), "\n"); got != want {
			t.Errorf("%v: %q, not %q", size, got, want)
		}
	}
	for _, size := range [][2]int{{0, 24}, {80, 0}} {
		c := newConsole(t, 80, 24, flowsUpTo(3))
		c.m.frame.Width, c.m.frame.Height = size[0], size[1]
		if got := c.m.View(); got != "" {
			t.Errorf("%v: %q", size, got)
		}
	}
}

// A box lies in the middle, over what is behind it, and no line of it lies below the screen.
func TestOverlay(t *testing.T) {
	screen := func() []string { return slices.Repeat([]string{"abcdefghij"}, 5) }
	for name, test := range map[string]struct {
		box, want []string
	}{
		"in the middle": {[]string{"XX", "YY"}, []string{"abcdefghij", "abcdXXghij", "abcdYYghij", "abcdefghij", "abcdefghij"}},
		"as high":       {slices.Repeat([]string{"XXXX"}, 5), slices.Repeat([]string{"abcXXXXhij"}, 5)},
		"higher":        {slices.Repeat([]string{"XXXX"}, 9), slices.Repeat([]string{"abcXXXXhij"}, 5)},
		"wider":         {[]string{strings.Repeat("X", 12)}, []string{"abcdefghij", "abcdefghij", strings.Repeat("X", 12), "abcdefghij", "abcdefghij"}},
	} {
		lines := screen()
		overlay(lines, test.box, 10)
		if !slices.Equal(lines, test.want) {
			t.Errorf("%s: %q, not %q", name, lines, test.want)
		}
	}
}
