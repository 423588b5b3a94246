package table

import (
	"testing"

	"github.com/muesli/termenv"

	"ctop/ui/theme"
)

// Only a text that stands apart has its style, not the blanks before it.
func TestStyleBeginsWithTheText(t *testing.T) {
	style := theme.New(termenv.ANSI, true, false).Cursor
	var l line
	l.add(1, "tcp")
	l.addApart(8, "SYN_SENT", style)
	l.add(20, "2m")
	if got, want := l.render(theme.Style{}), " tcp    "+style.Render("SYN_SENT")+"    2m"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
