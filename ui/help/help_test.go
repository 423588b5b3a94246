package help_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/bubbles/key"

	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/ui/help"
	"ctop/ui/internal/fake"
	"ctop/ui/keys"
	"ctop/ui/page"
)

func newHelp(width, height int) (*fake.Frame, *help.Page) {
	f := fake.NewFrame()
	off := keys.Bind("o", "off", "o")
	off.SetEnabled(false)
	p := help.New(f.Frame, []help.Section{
		{Title: "One", Keys: []key.Binding{keys.Bind("a", "first", "a"), off, keys.Bind("b", "second", "b")}},
		{Title: "Off", Keys: []key.Binding{off}},
		{Title: "Two", Keys: []key.Binding{keys.Bind("a name so long", "third", "c")}},
		{Title: "Rows", Rows: []filter.Row{{Form: "tcp", Means: "of TCP"}}},
	})
	f.SetTabs(page.Tab{Page: page.Base{}})
	f.Push(p)
	p.SetSize(width, height)
	return f, p
}

func TestLayout(t *testing.T) {
	_, p := newHelp(40, 20)
	want := " One\n  a          first\n  b          second\n\n Two\n  a name so long third\n\n Rows\n  tcp                 of TCP\n"
	trim := func() string {
		var lines []string
		for _, line := range p.Lines() {
			lines = append(lines, strings.TrimRight(line, " "))
		}
		return strings.Join(lines, "\n")
	}
	if got := trim(); got != want {
		t.Errorf("one column:\n%s\nnot\n%s", got, want)
	}
	p.SetSize(80, 20)
	if got := trim(); !strings.HasPrefix(got, " One                                     Two\n") {
		t.Errorf("two columns:\n%s", got)
	}
}

func TestScrolling(t *testing.T) {
	f, p := newHelp(40, 4)
	at := func(want string) {
		t.Helper()
		if got := strings.TrimSpace(p.Lines()[0]); got != want {
			t.Errorf("it begins with %q, not %q", got, want)
		}
	}
	at("One")
	f.Press("down")
	at("a          first")
	f.Press("up", "pgdown")
	at("")
	f.Press("G")
	at("")
	if n := len(p.Lines()); n != 4 {
		t.Errorf("%d lines at the end", n)
	}
	f.Press("g")
	at("One")
}

func TestHelpKeys(t *testing.T) {
	for _, k := range []string{"esc", "?", "q", "enter"} {
		f, _ := newHelp(40, 4)
		if f.Press(k); len(f.Over()) != 0 {
			t.Errorf("%s does not close it", k)
		}
	}
	f, _ := newHelp(40, 4)
	if !f.Press("p") || f.Paused || f.Said() != "no key here: Esc goes back" || len(f.Over()) != 1 {
		t.Errorf("said %q", f.Said())
	}
}

// Sections fill the shortest column, the leftmost of equals, and there are three
// columns at most.
func TestColumns(t *testing.T) {
	f := fake.NewFrame()
	one := keys.Bind("a", "does", "a")
	section := func(title string, n int) help.Section {
		s := help.Section{Title: title}
		for range n {
			s.Keys = append(s.Keys, one)
		}
		return s
	}
	p := help.New(f.Frame, []help.Section{section("One", 2), section("Two", 1), section("Three", 1), section("Four", 1), section("Five", 1)})
	titles := func(width int) string {
		p.SetSize(width, 40)
		var all []string
		for _, line := range p.Lines() {
			for i, word := range strings.Fields(line) {
				if i == 0 || word != "a" && word != "does" {
					all = append(all, fmt.Sprint(word, "@", strings.Index(line, word)))
				}
			}
		}
		return strings.Join(slices.DeleteFunc(all, func(s string) bool { return strings.HasPrefix(s, "a@") }), " ")
	}
	for width, want := range map[int]string{
		0: "One@1 Two@1 Three@1 Four@1 Five@1", 79: "One@1 Two@1 Three@1 Four@1 Five@1",
		80: "One@1 Two@41 Three@41 Four@1 Five@41", 119: "One@1 Two@41 Three@41 Four@1 Five@41",
		120: "One@1 Two@41 Three@81 Four@41 Five@81", 200: "One@1 Two@41 Three@81 Four@41 Five@81",
	} {
		if got := titles(width); got != want {
			t.Errorf("%d wide: %s, not %s", width, got, want)
		}
	}
}

// What filters are is there in full, on more lines where the screen is narrow.
func TestRowsWrap(t *testing.T) {
	f := fake.NewFrame()
	for _, rows := range [][]filter.Row{filter.Forms(), filter.Terms(), filter.Equivalents()} {
		p := help.New(f.Frame, []help.Section{{Title: "Rows", Rows: rows}})
		for _, width := range []int{60, 80, 200} {
			p.SetSize(width, 400)
			lines := p.Lines()
			for _, line := range lines {
				if n := format.Width(line); n > width {
					t.Errorf("%d cells on a screen of %d: %q", n, width, line)
				}
			}
			all := strings.Join(strings.Fields(strings.Join(lines, " ")), "")
			for _, r := range rows {
				if want := strings.Join(strings.Fields(r.Form+r.Means), ""); !strings.Contains(all, want) {
					t.Errorf("%d wide: no %q", width, want)
				}
			}
		}
	}
}

// The help says how much of it is below.
func TestHowMuchIsBelow(t *testing.T) {
	p := help.New(fake.NewFrame().Frame, []help.Section{{Title: "What", Rows: make([]filter.Row, 30)}})
	p.SetSize(80, 10)
	if got := p.Facts(); len(got) != 1 || got[0] != "↓ 22 more lines" {
		t.Errorf("at first %q", got)
	}
	p.Page(1)
	if got := p.Facts(); len(got) != 1 || got[0] != "↓ 13 more lines" {
		t.Errorf("a page further %q", got)
	}
	p.Bottom()
	if got := p.Facts(); got != nil {
		t.Errorf("at the end %q", got)
	}
}
