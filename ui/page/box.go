package page

import (
	"strings"

	"ctop/internal/format"
	"ctop/ui/scroll"
	"ctop/ui/theme"
)

// BoxFrame is the width of the frame and padding at both sides of a box.
const BoxFrame = 4

// Box draws a title and lines as a box whose content has the given width. Lines may have
// styles.
func Box(t theme.Theme, title string, lines []string, inner int) []string {
	title = format.Cut(" "+title+" ", inner)
	box := []string{"┌" + t.Title.Render(title) + strings.Repeat("─", max(inner+2-format.Width(title), 0)) + "┐"}
	for _, text := range lines {
		box = append(box, "│ "+format.Left(text, inner)+" │")
	}
	return append(box, "└"+strings.Repeat("─", inner+2)+"┘")
}

// List is a list that a box shows.
type List struct {
	Title  string
	Window scroll.Window
	// Line returns a line of the window.
	Line func(i int) string
	// Most is the most cells that a line has.
	Most int
}

// Box draws the part of the list around its cursor as a box of at most the given size.
func (l List) Box(t theme.Theme, width, height int) []string {
	inner := min(width-BoxFrame, l.Most)
	if inner < 1 || height < 3 {
		return nil
	}
	visible := l.Window
	visible.Resize(l.Window.Len, height-2)
	var lines []string
	first, end := visible.Visible()
	for i := first; i < end; i++ {
		text := format.Left(" "+l.Line(i), inner)
		if i == visible.Cursor {
			text = t.Cursor.Render(format.Left("▌"+l.Line(i), inner))
		}
		lines = append(lines, text)
	}
	return Box(t, l.Title, lines, inner)
}
