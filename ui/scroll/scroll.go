// Package scroll keeps a cursor inside a list and the list's visible part
// around the cursor. It knows nothing of what the list holds.
package scroll

// Window is the visible part of a list. Its zero value is an empty list in no
// space.
type Window struct {
	// Len is the length of the list and Height the number of visible lines.
	Len, Height int
	// Cursor is the selected line, Offset the first visible one.
	Cursor, Offset int
}

// Resize takes new sizes and keeps the cursor visible.
func (w *Window) Resize(length, height int) {
	w.Len, w.Height = max(length, 0), max(height, 0)
	w.clamp()
}

// To puts the cursor on a line.
func (w *Window) To(line int) {
	w.Cursor = line
	w.clamp()
}

// Move moves the cursor by a number of lines.
func (w *Window) Move(lines int) { w.To(w.Cursor + lines) }

// Page moves the cursor by pages, and the visible part with it.
func (w *Window) Page(pages int) {
	step := max(w.Height-1, 1) * pages
	w.Offset += step
	w.Move(step)
}

// Hold puts the cursor on a line that stands where the cursor's line stood on
// the screen, as far as the list's ends allow: the selected line does not move
// under the eye when the list is reordered.
func (w *Window) Hold(line int) {
	w.Offset += line - w.Cursor
	w.To(line)
}

// Line returns the line of the list at a line of the screen.
func (w *Window) Line(y int) (line int, ok bool) {
	line = w.Offset + y
	return line, y >= 0 && y < w.Height && line < w.Len
}

// Visible returns the part of the list that is to be drawn.
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
