package ui

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/muesli/termenv"
)

// TestLookScreens compares every page in each look, as those see it who may act and as a
// viewer does.
func TestLookScreens(t *testing.T) {
	looks := map[string][]Option{"dark": {WithLook(LookDark)}, "light": {WithLook(LookLight)}, "mono": {WithNoColor()}}
	roles := map[string][]Option{
		"operator": {WithRole("operator")},
		"viewer":   {WithRole("viewer"), WithRefusal(func(Attempt) error { return errors.New("viewer: read only") })},
	}
	pages := map[string][]string{
		"flows": {"1"}, "events": {"2"}, "talkers": {"3"}, "overview": {"4"}, "timeouts": {"5"}, "detail": {"enter"}, "help": {"?"},
	}
	for look, with := range looks {
		for role, as := range roles {
			if role == "operator" && look != "dark" {
				continue // the role changes nothing else
			}
			for page, keys := range pages {
				for _, size := range sizes {
					t.Run(fmt.Sprintf("%s_%s_%s_%dx%d", page, role, look, size[0], size[1]), func(t *testing.T) {
						renderer := WithRenderer(lipgloss.NewRenderer(io.Discard, termenv.WithProfile(termenv.ANSI)))
						c := newConsole(t, size[0], size[1], flowsUpTo(20), append(append([]Option{renderer}, with...), as...)...)
						c.source.events = someEvents()
						c.pass(time.Second)
						c.press(keys...)
						checkFit(t, c.m)
						golden.RequireEqualEscape(t, []byte(c.m.View()), true)
					})
				}
			}
		}
	}
}

// TestRoleHeaders names each role in the header of every size that has room.
func TestRoleHeaders(t *testing.T) {
	for _, role := range []string{"owner", "joined", "operator", "viewer"} {
		for _, size := range sizes[1:] {
			newConsole(t, size[0], size[1], flowsUpTo(20), WithRole(role)).shows("veth2  " + role)
		}
	}
}
