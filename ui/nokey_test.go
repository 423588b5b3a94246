package ui

import (
	"slices"
	"testing"
)

// A key without a meaning on a page says so, and where to look: nothing that is
// pressed goes without an answer.
func TestNoKeyHere(t *testing.T) {
	pages := map[string]struct {
		open []string
		// elsewhere mean something on other pages only.
		elsewhere []string
	}{
		"flows":    {[]string{"1"}, []string{"b", "B"}},
		"events":   {[]string{"2"}, []string{"d", "D", "x", "e", "c", "+", "f9"}},
		"talkers":  {[]string{"3"}, []string{"d", "x", "e", "P", "c", "f9"}},
		"overview": {[]string{"4"}, []string{"enter", "/", "s", "d", "f3", "f6"}},
		"timeouts": {[]string{"5"}, []string{"/", "s", "d", "y", "f4"}},
		"detail":   {[]string{"enter"}, []string{"D", "s", "/", "f6"}},
	}
	for name, page := range pages {
		for _, k := range slices.Concat(page.elsewhere, []string{"u", "H", "z", ":", "backspace", "left", "f5", "ctrl+z"}) {
			t.Run(name+" "+k, func(t *testing.T) {
				c := newConsole(t, 80, 24, flowsUpTo(5))
				c.begin(0, 1)
				c.press(page.open...)
				c.press(k)
				c.shows("no key here: ? lists the keys")
			})
		}
	}
	c := newConsole(t, 80, 24, flowsUpTo(5))
	c.press("?", "z")
	c.shows("no key here: Esc goes back")
	c.press("esc")
	for _, k := range []string{"j", "S", "space", "esc", "r", "n", "c", "enter", "enter", "y", "p", "p", "g", "tab", "tab", "b", "5", "j"} {
		c.press(k)
		c.hides("no key here")
	}
}

// Keys for a flow say that there is none.
func TestNoFlowHere(t *testing.T) {
	for _, page := range []string{"1", "2", "3"} {
		c := newConsole(t, 80, 24, flowsUpTo(0))
		c.press(page, "enter")
		c.shows("there is no flow here")
	}
	c := newConsole(t, 80, 24, flowsUpTo(0))
	for _, k := range []string{"d", "+", "-", "0", "P", "y", "f"} {
		c.press("esc")
		c.press(k)
		c.shows("there is no flow here")
	}
}

// Function keys do what they do in htop.
func TestFunctionKeys(t *testing.T) {
	for k, want := range map[string]string{
		"f1": "this page", "f3": "⏎ keep   Esc drop", "f4": "⏎ keep   Esc drop", "f6": "sort by", "f9": "delete 1 flow?",
	} {
		c := newConsole(t, 80, 24, flowsUpTo(5))
		c.press(k)
		if k == "f1" {
			c.press("G")
			c.press("g")
			want = "everything about the flow"
		}
		c.shows(want)
	}
	c := newConsole(t, 80, 24, flowsUpTo(5))
	c.press("f10")
	if !c.quit {
		t.Error("F10 does not quit")
	}
}

// Ctrl-L draws the screen again wherever the operator is, and changes nothing else.
func TestRedraw(t *testing.T) {
	for name, open := range map[string][]string{
		"page": {"1"}, "help": {"?"}, "detail": {"enter"}, "question": {"d"}, "filter": {"/", "tc"}, "leaving": {"q"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newConsole(t, 80, 24, flowsUpTo(5), WithEnding(&fakeEnding{ends: true}))
			c.begin(0, 1)
			c.press(open...)
			before := c.m.View()
			c.press("ctrl+l")
			if c.redrawn != 1 || c.quit {
				t.Errorf("drawn again %d times, quit %t", c.redrawn, c.quit)
			}
			if after := c.m.View(); after != before {
				t.Errorf("it was\n%s\nand is\n%s", before, after)
			}
		})
	}
}
