package keys

import (
	"fmt"
	"testing"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// list notes how it was moved.
type list struct{ moved string }

func (l *list) Move(n int) { l.moved = fmt.Sprint("move ", n) }
func (l *list) Page(n int) { l.moved = fmt.Sprint("page ", n) }
func (l *list) Top()       { l.moved = "top" }
func (l *list) Bottom()    { l.moved = "bottom" }

func TestMove(t *testing.T) {
	k := Default()
	for text, want := range map[string]string{"k": "move -1", "j": "move 1", "g": "top", "G": "bottom", "x": ""} {
		l := &list{}
		if ok := k.Move(l, tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(text)}); l.moved != want || ok != (want != "") {
			t.Errorf("%s: %q, %t", text, l.moved, ok)
		}
	}
	for typ, want := range map[tea.KeyType]string{tea.KeyPgUp: "page -1", tea.KeyPgDown: "page 1", tea.KeyCtrlB: "page -1", tea.KeyHome: "top"} {
		l := &list{}
		if k.Move(l, tea.KeyMsg{Type: typ}); l.moved != want {
			t.Errorf("%s: %q", typ, l.moved)
		}
	}
}

func TestBind(t *testing.T) {
	b := Bind("? F1", "help", "?", "f1")
	if ShortName(b) != "?" || b.Help().Desc != "help" || !key.Matches(tea.KeyMsg{Type: tea.KeyF1}, b) {
		t.Errorf("%+v", b)
	}
}
