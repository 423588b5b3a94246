package prompt

import (
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
)

func typed(text string) Model {
	m := New()
	for _, r := range text {
		m.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}})
	}
	return m
}

func TestTyping(t *testing.T) {
	m := typed("ab")
	m.Update(tea.KeyMsg{Type: tea.KeyLeft})
	m.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("c")})
	if m.Value() != "acb" || m.View(80) != "ac▏b" {
		t.Errorf("%q, %q", m.Value(), m.View(80))
	}
	m.Set("xyz")
	if m.View(80) != "xyz▏" {
		t.Errorf("%q", m.View(80))
	}
	if long := typed(strings.Repeat("a", 600)); len(long.Value()) != 512 {
		t.Errorf("%d characters", len(long.Value()))
	}
}

// The clipboard of the host is none of the operator's business.
func TestNoPaste(t *testing.T) {
	m := New()
	m.Update(tea.KeyMsg{Type: tea.KeyCtrlV})
	if m.Value() != "" {
		t.Errorf("pasted %q", m.Value())
	}
}

// The caret stays in sight, and what is typed cannot steer the terminal.
func TestViewFits(t *testing.T) {
	m := typed("abcdef")
	for width, want := range map[int]string{7: "abcdef▏", 6: "bcdef▏", 2: "f▏", 1: "▏"} {
		if got := m.View(width); got != want {
			t.Errorf("at %d: %q, not %q", width, got, want)
		}
	}
	m.Update(tea.KeyMsg{Type: tea.KeyHome})
	if got := m.View(4); got != "▏ab…" {
		t.Errorf("%q", got)
	}
	m.Set("a\x1bb")
	if got := m.View(9); strings.Contains(got, "\x1b") {
		t.Errorf("%q", got)
	}
}

func TestColumnAt(t *testing.T) {
	m := typed("abcdef") // the caret is behind it
	for n, want := range map[int]int{0: 0, 2: 2, 6: 6, 9: 6} {
		if got := m.ColumnAt(n, 80); got != want {
			t.Errorf("character %d is at %d, not %d", n, got, want)
		}
	}
	// Shown are d, e, f and the caret.
	for n, want := range map[int]int{0: 0, 3: 0, 4: 1, 6: 3} {
		if got := m.ColumnAt(n, 4); got != want {
			t.Errorf("with room for four, character %d is at %d, not %d", n, got, want)
		}
	}
	m.Update(tea.KeyMsg{Type: tea.KeyLeft})
	m.Update(tea.KeyMsg{Type: tea.KeyLeft}) // abcd▏ef
	for n, want := range map[int]int{4: 4, 5: 6} {
		if got := m.ColumnAt(n, 80); got != want {
			t.Errorf("behind the caret, character %d is at %d, not %d", n, got, want)
		}
	}
}
