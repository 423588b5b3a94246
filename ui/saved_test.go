package ui

import (
	"slices"
	"testing"

	"ctop/ui/page"
)

// TestSavedViews saves what is shown under a name, and finds it again.
func TestSavedViews(t *testing.T) {
	c := newConsole(t, 120, 30, flowsUpTo(20), WithKeptViews())
	c.press("v")
	c.shows("no view is saved yet: V saves this one")
	c.press("/", "udp", "enter", "s", "g", "r", "r", "V", "dns", "enter")
	c.shows("saved as dns: v chooses a view")
	c.press("esc", "r", "s", "0", "V")
	for range 3 {
		c.press("backspace")
	}
	c.press("all", "enter", "3", "v")
	c.shows("views", "▌all            all flows, by rate:desc", " dns            udp, by age:desc", "d forget")
	c.press("down", "enter")
	c.shows("[1 Flows]", "filter: udp", "AGE ▼", "rates in packets", "4/20")
	c.press("v")
	c.shows("▌dns")
	c.press("up", "enter")
	c.shows("⇄ b/s"[4:], "20/20", "→ b/s ▼")
	saved := c.m.Settings()
	want := page.View{Filter: "udp", Sort: "age:desc", Rates: "packets"}
	if got := saved.Views["dns"]; got.Filter != want.Filter || got.Sort != want.Sort || got.Rates != want.Rates || got.Columns != nil {
		t.Errorf("%+v", saved.Views)
	}
	// Another console begins with it, and what its options say goes first.
	c = newConsole(t, 120, 30, flowsUpTo(20), WithSettings(saved), WithView("dns"))
	c.shows("filter: udp", "AGE ▼", "rates in packets")
	c = newConsole(t, 120, 30, flowsUpTo(20), WithSettings(saved), WithView("dns"), WithSort("ttl"))
	c.shows("filter: udp", "TTL ▲")
	c.press("v", "d", "d")
	c.hides("views")
	if got := c.m.Settings().Views; len(got) != 0 {
		t.Errorf("%+v are left", got)
	}
	c.press("V", "x", "esc", "V", "enter", "v")
	c.shows("no view is saved yet")
	c.press("V", "x", "enter")
	c.shows("saved as x, until this session ends")
	c.press("V", "enter")
	c.shows("replaced x")
	c.press("V", "yz", "enter")
	c.shows("saved as yz")
}

// TestViewsKeepColumns, and give the standard ones back.
func TestViewsKeepColumns(t *testing.T) {
	c := newConsole(t, 120, 30, flowsUpTo(20))
	c.press("V", "usual", "enter", "c", "space", "enter", "V")
	for range len("usual") {
		c.press("backspace")
	}
	c.press("bare", "enter")
	c.hides("STATE")
	if got := c.m.Settings().Views["bare"].Columns; slices.Contains(got, "state") || !slices.Contains(got, "ttl") {
		t.Errorf("%q", got)
	}
	c.press("v", "down", "enter")
	c.shows("STATE")
	c.press("v", "up", "enter")
	c.hides("STATE")
}

// TestCopyTheViewsCommand comes after the commands about the flow.
func TestCopyTheViewsCommand(t *testing.T) {
	c := newConsole(t, 160, 30, flowsUpTo(20))
	c.press("y", "y", "y", "y")
	c.shows("y again: the view's command")
	c.press("y")
	c.shows("copied ctop --sort rate:desc   y again: the tuple")
	c.press("/", "host:10.0.0.2", "enter", "S", "y", "y", "y", "y", "y")
	c.shows("copied ctop --filter 'host:10.0.0.2' --sort rate:asc")
}
