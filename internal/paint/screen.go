package paint

import (
	"fmt"
	"strings"

	"ctop/internal/format"
)

// Rank says how soon a row has to be sent.
type Rank int

const (
	// Later is a change that nobody asked for.
	Later Rank = iota
	// Soon is what belongs to what the operator asked for.
	Soon
	// Now is what the operator's key changed.
	Now
)

// Screen is what a terminal shows, and what it should show. The zero value is a screen
// without rows.
type Screen struct {
	width int
	rows  []row
}

// row is a row of the screen.
type row struct {
	shown, want string
	// known is whether the terminal shows what shown says.
	known bool
	rank  Rank
}

func (r row) differs() bool { return !r.known || r.shown != r.want }

// Resize sets the size. What the terminal shows then is not known.
func (s *Screen) Resize(width, height int) {
	rows := make([]row, height)
	for i := range rows {
		if i < len(s.rows) {
			rows[i].want = s.rows[i].want
		}
		rows[i].rank = Soon
	}
	s.width, s.rows = width, rows
}

// Forget has all rows drawn again soon, whatever the terminal shows.
func (s *Screen) Forget() { s.Resize(s.width, len(s.rows)) }

// Want sets what the terminal should show. Rows that the view changes get its rank. Of
// [Now], all others that the terminal does not show yet are to follow soon, so that it
// does not show rows of two views for long.
func (s *Screen) Want(view string, rank Rank) {
	lines := strings.Split(view, "\n")
	for i := range s.rows {
		r, want := &s.rows[i], ""
		if i < len(lines) {
			want = lines[i]
		}
		changed := want != r.want
		r.want = want
		switch {
		case !r.differs():
			r.rank = Later
		case changed:
			r.rank = max(r.rank, rank)
		case rank == Now:
			r.rank = max(r.rank, Soon)
		}
	}
}

// Waits reports whether a row of at least this rank is to be sent.
func (s *Screen) Waits(least Rank) bool {
	for _, r := range s.rows {
		if r.differs() && r.rank >= least {
			return true
		}
	}
	return false
}

// Next returns what to send: rows of at least this rank, the highest first, until there
// are so many bytes, and one row at least. Only the cells that differ are sent if cells
// is set. What Next returned is taken as shown.
func (s *Screen) Next(least Rank, most int, cells bool) string {
	var b strings.Builder
	for rank := Now; rank >= least; rank-- {
		for i := range s.rows {
			r := &s.rows[i]
			if !r.differs() || r.rank != rank {
				continue
			}
			text := s.draw(i, cells)
			if b.Len() > 0 && b.Len()+len(text) > most {
				return b.String()
			}
			b.WriteString(text)
			r.shown, r.known, r.rank = r.want, true, Later
		}
	}
	return b.String()
}

// draw returns what makes the terminal show a row.
func (s *Screen) draw(i int, cells bool) string {
	r := s.rows[i]
	whole := s.whole(i)
	if !cells {
		return whole
	}
	before := ""
	if r.known {
		before = r.shown
	} else {
		before = unknown
	}
	if text := difference(i, s.width, before, r.want); len(text) < len(whole) {
		return text
	}
	return whole
}

// unknown is a row of which no cell is the one of a view.
const unknown = "\x00"

// whole draws a whole row.
func (s *Screen) whole(i int) string {
	text := moveTo(i, 0) + s.rows[i].want
	if strings.Contains(s.rows[i].want, "\x1b") {
		text += plainStyle
	}
	if format.Width(s.rows[i].want) < s.width {
		text += eraseRight
	}
	return text
}

const (
	plainStyle = "\x1b[m"
	eraseRight = "\x1b[K"
)

func moveTo(row, column int) string {
	if column == 0 {
		return fmt.Sprintf("\x1b[%dH", row+1)
	}
	return fmt.Sprintf("\x1b[%d;%dH", row+1, column+1)
}
