package paint

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"ctop/internal/paint/painttest"
)

const testWidth, testHeight = 40, 6

// randomView has words, styles, wide characters and gaps. Few words make rows that share
// some of their cells.
func randomView(r *rand.Rand) string {
	words := []string{"tcp", "10.0.0.1:443", "   ", "\x1b[7mmarked\x1b[0m", "\x1b[1;32mgreen\x1b[m", "世界", "▏██▕", "\x1b[2mdim \x1b[31mred\x1b[0m", " ", "0", "1"}
	var rows []string
	for range r.IntN(testHeight + 1) {
		var b strings.Builder
		for range r.IntN(9) {
			b.WriteString(words[r.IntN(len(words))])
		}
		rows = append(rows, render(b.String()))
	}
	return strings.Join(rows, "\n")
}

// render cuts a line to the width, as views are.
func render(line string) string {
	p := pen{}
	cells := cellsOf(line, testWidth)
	for _, c := range cells[:lastText(cells)] {
		p.style(c.style)
		p.text.WriteString(c.text)
	}
	p.style("")
	return p.text.String()
}

// TestScreen shows random views one after the other, in pieces of random sizes, by rows
// and by cells: the terminal has each of them in the end.
func TestScreen(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s Screen
	s.Resize(testWidth, testHeight)
	terminal := painttest.New(testWidth, testHeight)
	for i := range 20_000 {
		view := randomView(r)
		s.Want(view, Rank(r.IntN(3)))
		for s.Waits(Later) {
			_, _ = terminal.Write([]byte(s.Next(Later, r.IntN(200), r.IntN(4) > 0)))
			if r.IntN(8) == 0 { // another one comes meanwhile
				view = randomView(r)
				s.Want(view, Rank(r.IntN(3)))
			}
			if r.IntN(50) == 0 {
				s.Resize(testWidth, testHeight)
			}
		}
		fresh := painttest.New(testWidth, testHeight)
		for y, line := range strings.Split(view, "\n") {
			_, _ = fmt.Fprintf(fresh, "\x1b[%dH%s\x1b[m", y+1, line)
		}
		if got, want := terminal.Styled(), fresh.Styled(); got != want {
			t.Fatalf("view %d: the terminal shows\n%q, not\n%q", i, got, want)
		}
	}
}

// TestScreenRank sends what a key changed before what came with it, and that before what
// nobody asked for.
func TestScreenRank(t *testing.T) {
	var s Screen
	s.Resize(20, 4)
	s.Want("a\nb\nc\nd", Later)
	for s.Waits(Later) {
		s.Next(Later, 1, false)
	}
	s.Want("a1\nb\nc\nd1", Later)
	if s.Waits(Soon) {
		t.Error("a tick does not wait its turn")
	}
	s.Want("a3\nb3\nc\nd", Later)
	s.Want("a3\nb3\nc4\nd", Now)
	var order []string
	for s.Waits(Soon) {
		order = append(order, s.Next(Soon, 1, false))
	}
	if got := strings.ReplaceAll(strings.Join(order, ""), "\x1b", ""); got != "[3Hc4[K[1Ha3[K[2Hb3[K" {
		t.Errorf("the order is %q", got)
	}
}

// TestScreenCells sends the cells that differ and little else.
func TestScreenCells(t *testing.T) {
	for _, test := range []struct{ before, after, want string }{
		{"tcp 10.0.0.1 12k", "tcp 10.0.0.1 13k", "\x1b[1;15H3"},
		{"a          b", "c          d", "\x1b[1Hc\x1b[10Cd"},
		{"abc", "a", "\x1b[1;2H\x1b[K"},
		{"x\x1b[7mab\x1b[0m", "x\x1b[7mac\x1b[0m", "\x1b[1;3H\x1b[7mc\x1b[m"},
		{"same", "same", ""},
	} {
		if got := difference(0, 20, test.before, test.after); got != test.want {
			t.Errorf("%q to %q: %q, not %q", test.before, test.after, got, test.want)
		}
	}
}

// A row that fills the screen is not erased to its right: the terminal would erase its last
// character.
func TestScreenFullRow(t *testing.T) {
	for _, c := range []struct{ view, want string }{
		{"abc", "\x1b[1Habc\x1b[K"}, {"abcd", "\x1b[1Habcd"}, {"\x1b[7mabcd", "\x1b[1H\x1b[7mabcd\x1b[m"},
	} {
		var s Screen
		s.Resize(4, 1)
		s.Want(c.view, Now)
		if got := s.Next(Later, 100, false); got != c.want {
			t.Errorf("%q: %q, not %q", c.view, got, c.want)
		}
	}
}
