package ui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/exp/golden"
)

// TestASCIIScreens are dialogs on a terminal without UTF-8. TestEveryView has the pages.
func TestASCIIScreens(t *testing.T) {
	for name, keys := range map[string][]string{
		"delete": {"d"}, "sort": {"s"}, "columns": {"c"}, "views": {"v"}, "editing": {"5", "down", "enter", "5"},
	} {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s_%dx%d", name, size[0], size[1]), func(t *testing.T) {
				c := newConsole(t, size[0], size[1], flowsUpTo(100), WithASCII())
				c.busy(100)
				c.press(keys...)
				view := c.m.View()
				for i, r := range view {
					if r >= 0x80 {
						t.Fatalf("%q is not ASCII, in %q", r, view[max(i-40, 0):min(i+40, len(view))])
					}
				}
				checkFit(t, c.m)
				golden.RequireEqual(t, []byte(view))
			})
		}
	}
}

// TestTooSmall says so where nothing could be read, and goes on in a larger window.
func TestTooSmall(t *testing.T) {
	for _, size := range [][2]int{{20, 5}, {23, 50}, {200, 5}, {3, 1}} {
		c := newConsole(t, size[0], size[1], flowsUpTo(10))
		if size[0] >= 20 {
			c.shows(fmt.Sprintf("too small: %dx%d", size[0], size[1]))
		}
		c.hides("10.0.0.0")
		checkFit(t, c.m)
		c.press("q")
		if !c.quit {
			t.Error("q does not quit")
		}
	}
	c := newConsole(t, 24, 6, flowsUpTo(10))
	if c.hides("too small"); !strings.Contains(c.m.View(), "ctop") {
		t.Error(c.m.View())
	}
}
