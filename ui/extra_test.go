package ui

import (
	"errors"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
)

// A key that one console has is in its help and in its header, and says what it did.
func TestExtra(t *testing.T) {
	done, trouble := 0, error(nil)
	c := newConsole(t, 120, 30, flowsUpTo(3), WithExtra(Extra{Key: "o", Does: "other wire", Do: func() (string, error) {
		done++
		return "it goes by the other wire", trouble
	}}))
	c.shows(" o: other wire ")
	c.press("o")
	c.shows("it goes by the other wire")
	trouble = errors.New("there is no other wire")
	c.press("o")
	c.shows("there is no other wire")
	if done != 2 {
		t.Errorf("it was done %d times", done)
	}
	c.press("?", "G")
	c.shows("other wire")
	c = newConsole(t, 120, 30, flowsUpTo(3))
	c.press("o")
	c.shows("no key here")
}

// Who presses a key that one console has twice at once has it done twice, one after the other.
// A third press meanwhile does nothing: a key that is held down leaves nothing to be done later.
func TestExtraTwice(t *testing.T) {
	for _, test := range []struct {
		keys string
		want int
	}{{"o", 1}, {"oo", 2}, {"oooooo", 2}} {
		done := 0
		c := newConsole(t, 120, 30, flowsUpTo(3), WithExtra(Extra{Key: "o", Does: "other wire", Do: func() (string, error) {
			done++
			return "", nil
		}}))
		c.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(test.keys)})
		if done != test.want {
			t.Errorf("%s: it was done %d times, want %d", test.keys, done, test.want)
		}
		c.press("o")
		if done != test.want+1 {
			t.Errorf("%s, then o: it was done %d times, want %d", test.keys, done, test.want+1)
		}
	}
}
