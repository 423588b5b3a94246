package ui

import (
	"testing"

	"ctop/internal/format"
)

// What the keys do fits a column of the help, so that no column is cut or moved, in a fleet, too.
func TestHelpTextsFit(t *testing.T) {
	const room = 27
	for name, c := range map[string]*console{
		"one": newConsole(t, 80, 24, flowsUpTo(3)), "fleet": newConsole(t, 80, 24, flowsUpTo(3), WithFleet(&fakeFleet{})),
	} {
		for _, s := range c.m.helpSections() {
			for _, k := range s.Keys {
				if h := k.Help(); format.Width(h.Desc) > room {
					t.Errorf("%s: %s: %q is wider than %d", name, s.Title, h.Desc, room)
				}
			}
		}
	}
}
