package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/ui/page"
)

// Every line beside the page has a height from which on it is there, and the page gets
// the rest.
func TestLayoutOfEveryHeight(t *testing.T) {
	for height, want := range []string{
		0: "", 1: "page 1", 2: "header page 1", 3: "header page 1 footer", 4: "header page 2 footer", 5: "header page 3 footer",
		6: "header tabs page 3 footer", 7: "header tabs page 4 footer",
		8: "header tabs page 4 aside 1 footer", 9: "header tabs page 5 aside 1 footer",
		10: "header tabs page 5 aside 2 footer", 15: "header tabs page 10 aside 2 footer",
		16: "header tabs page 10 aside 3 footer", 17: "header tabs page 11 aside 3 footer",
	} {
		if want == "" {
			continue
		}
		l := layoutFor(height, 3)
		var got []string
		add := func(there bool, name string) {
			if there {
				got = append(got, name)
			}
		}
		add(l.header, "header")
		add(l.tabs, "tabs")
		add(true, fmt.Sprint("page ", l.bodyHeight))
		add(l.aside > 0, fmt.Sprint("aside ", l.aside))
		add(l.footer, "footer")
		if text := strings.Join(got, " "); text != want {
			t.Errorf("height %d: %s, not %s", height, text, want)
		}
		if y := strings.Count(text(got, "page"), " "); l.bodyY != y {
			t.Errorf("height %d: the page begins at %d, not %d", height, l.bodyY, y)
		}
	}
	if l := layoutFor(0, 3); l != (layout{}) {
		t.Errorf("no line: %+v", l)
	}
	if l := layoutFor(40, 0); l.aside != 0 || l.bodyHeight != 37 {
		t.Errorf("nothing aside: %+v", l)
	}
}

// text returns the words before one that begins with a prefix, each with a space.
func text(words []string, prefix string) (before string) {
	for _, w := range words {
		if strings.HasPrefix(w, prefix) {
			break
		}
		before += w + " "
	}
	return before
}

// lines is a dialog that wants some lines above the footer.
type lines struct {
	page.Plain
	rows int
}

func (lines) HandleKey(tea.KeyMsg) tea.Cmd { return nil }
func (lines) Footer(int, int) []string     { return nil }
func (l lines) Rows(int) int               { return l.rows }

// A dialog gets at most half of the page, and nothing of a low screen.
func TestDialogsRoom(t *testing.T) {
	for _, c := range []struct{ height, rows, prompt int }{
		{24, 3, 3}, {24, 100, 10}, {8, 3, 2}, {8, 1, 1}, {7, 3, 0}, {24, 0, 0},
	} {
		m := newConsole(t, 120, c.height, flowsUpTo(5)).m
		m.frame.OpenTab(1) // has nothing aside
		before := m.layout().bodyHeight
		m.frame.Ask(lines{rows: c.rows})
		if l := m.layout(); l.prompt != c.prompt || l.bodyHeight != before-c.prompt {
			t.Errorf("height %d: %d of %d rows, and %d of %d lines for the page", c.height, l.prompt, c.rows, l.bodyHeight, before)
		}
	}
}

// Keys that come in one message are taken one after the other, and each finds the
// screen as the one before has left it.
func TestEachKeyFindsTheScreenOfTheLast(t *testing.T) {
	c := newConsole(t, 80, 12, flowsUpTo(50))
	typed := func(text string) {
		c.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(text)})
	}
	typed("jj")
	selected := c.cursor()
	c.press("g", "j", "j")
	if selected == "" || c.cursor() != selected {
		t.Errorf("jj goes to %q", selected)
	}
	typed("g   ") // marks three
	c.shows("3 marked")
	typed("?G")
	screen := c.m.View()
	c.press("G")
	if c.m.View() != screen {
		t.Errorf("?G shows\n%s\nand not the end of the help:\n%s", screen, c.m.View())
	}
	c.hides("Flows [1")
}

// A console looks twice a second, and never more often than twenty times.
func TestIntervals(t *testing.T) {
	if got := newOptions(nil).interval; got != 500*time.Millisecond {
		t.Errorf("it looks every %s", got)
	}
	if shortestInterval != 50*time.Millisecond {
		t.Errorf("it may look every %s", shortestInterval)
	}
}
