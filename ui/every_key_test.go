package ui

import (
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/bubbles/key"
)

// pressable are the keys of the help by the names that press has for them.
var pressable = map[string]string{" ": "space"}

// TestEveryKeyOnEveryPage presses every key of the help on every page, now, beside the
// interfaces, in the past, and as a viewer. Each changes the screen, or says why not,
// unless there is nowhere to go.
func TestEveryKeyOnEveryPage(t *testing.T) {
	for p, page := range everyPage {
		for m, mode := range everyMode[:3] {
			for _, role := range []string{"operator", "viewer"} {
				t.Run(page.name+" "+mode.name+" "+role, func(t *testing.T) {
					for _, section := range HelpSections() {
						for _, binding := range section.Keys {
							pressEvery(t, func() *console { return openEvery(t, p, m, 0, role, [2]int{80, 24}) }, page.name, binding)
						}
					}
				})
			}
		}
	}
}

// pressEvery presses each key of a binding on a page of its own.
func pressEvery(t *testing.T, open func() *console, page string, binding key.Binding) {
	t.Helper()
	for _, k := range binding.Keys() {
		c := open()
		c.press("j") // so that there is something above, too
		c.m.frame.Hush()
		before, clipboard := c.m.View(), c.out.Len()
		name := k
		if other, ok := pressable[k]; ok {
			name = other
		}
		c.press(name)
		checkFit(t, c.m)
		if c.m.View() == before && !c.quit && c.redrawn == 0 && c.out.Len() == clipboard && !goesNowhere(c, page, k) {
			t.Errorf("%s (%s) changes nothing, and says nothing:\n%s", k, binding.Help().Desc, before)
		}
	}
}

// goesNowhere reports whether a key has nowhere to go: it opens the page that is open, it
// moves where everything is on the screen, or goes back where nothing was before.
func goesNowhere(c *console, page, k string) bool {
	moves := []string{"up", "k", "down", "j", "pgup", "ctrl+b", "pgdown", "ctrl+f", "g", "home", "G", "end"}
	opens := map[string]string{"flows": "1", "events": "2", "talkers": "3", "overview": "4", "timeouts": "5t"}
	return slices.Contains(moves, k) || strings.Contains(opens[page], k) || page == "flows" && k == "esc" && c.m.frame.FilterText() == ""
}
