// Package scroll keeps a cursor within a list and the visible part of the list
// around the cursor. It does not know the content of the list.
package scroll

// Window is the visible part of a list. The zero value is an empty list of
// height 0.
type Window struct {
	// Len is the length of the list. Height is the number of visible lines.
	Len, Height int
	// Cursor is the index of the selected line, Offset that of the first
	// visible one.
	Cursor, Offset int
}

// Resize sets the sizes and keeps the cursor visible.
func (w *Window) Resize(length, height int) {
	w.Len, w.Height = max(length, 0), max(height, 0)
	w.clamp()
}

// To moves the cursor to a line.
func (w *Window) To(line int) {
	w.Cursor = line
	w.clamp()
}

// Move moves the cursor by a number of lines.
func (w *Window) Move(lines int) { w.To(w.Cursor + lines) }

// Page moves the cursor and the visible part by pages.
func (w *Window) Page(pages int) {
	step := max(w.Height-1, 1) * pages
	w.Offset += step
	w.Move(step)
}

// Hold moves the cursor to a line, and scrolls so that the cursor stays at its
// position on the screen. So the selected line does not move when the list is
// reordered.
func (w *Window) Hold(line int) {
	w.Offset += line - w.Cursor
	w.To(line)
}

// Line returns the index of the line at position y of the screen. ok is false
// if there is none.
func (w *Window) Line(y int) (line int, ok bool) {
	line = w.Offset + y
	return line, y >= 0 && y < w.Height && line < w.Len
}

// Visible returns the range of visible lines.
func (w *Window) Visible() (first, end int) {
	return w.Offset, min(w.Offset+w.Height, w.Len)
}

func (w *Window) clamp() {
	w.Cursor = min(max(w.Cursor, 0), max(w.Len-1, 0))
	if w.Cursor >= w.Offset+w.Height {
		w.Offset = w.Cursor - w.Height + 1
	}
	w.Offset = min(w.Offset, w.Cursor, max(w.Len-w.Height, 0))
	w.Offset = max(w.Offset, 0)
}
