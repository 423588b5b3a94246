package ui

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
)

// TestDeniedIsGrey: what a viewer may not do stays in its place, dim, in the footer and in
// the help, and so does what nobody may do in the past.
func TestDeniedIsGrey(t *testing.T) {
	const dim = "\x1b[2m"
	renderer := WithRenderer(lipgloss.NewRenderer(io.Discard, termenv.WithProfile(termenv.ANSI)))
	refuse := WithRefusal(func(Attempt) error { return errors.New("viewer: read only") })
	c := newConsole(t, 120, 40, flowsUpTo(20), renderer, WithRole("viewer"), refuse)
	c.shows("viewer", dim+"d delete", dim+"Space mark", "\x1b[1m\x1b[36m/\x1b[0m filter")
	c.press("?")
	c.shows("Act on flows: not for you now", dim+"x          reset at both ends (asks)")
	c.press("esc", "d")
	c.shows("viewer: read only")

	c = newConsole(t, 120, 40, flowsUpTo(20), renderer, WithRole("operator"))
	c.hides(dim + "d delete")
	c.press("?")
	if c.hides("not for you"); !strings.Contains(c.m.View(), "Act on flows") {
		t.Error(c.m.View())
	}
}
