package scroll

import (
	"math/rand"
	"testing"
)

func TestTheCursorIsAlwaysVisible(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	var w Window
	for i := range 100000 {
		switch rnd.Intn(6) {
		case 0:
			w.Resize(rnd.Intn(60)-2, rnd.Intn(20)-2)
		case 1:
			w.Move(rnd.Intn(40) - 20)
		case 2:
			w.Page(rnd.Intn(5) - 2)
		case 3:
			w.To(rnd.Intn(90) - 20)
		case 4:
			w.Hold(rnd.Intn(max(w.Len, 1)))
		case 5:
			w.Offset, w.Cursor = w.Offset-3, w.Cursor-3
			w.Resize(w.Len, w.Height)
		}
		first, end := w.Visible()
		if first < 0 || end > w.Len || w.Cursor < 0 {
			t.Fatalf("step %d: %+v shows %d to %d", i, w, first, end)
		}
		if w.Len > 0 && w.Height > 0 && (w.Cursor < first || w.Cursor >= end) {
			t.Fatalf("step %d: the cursor is not among %d to %d: %+v", i, first, end, w)
		}
		if end-first < min(w.Len, w.Height) {
			t.Fatalf("step %d: room is wasted: %+v", i, w)
		}
	}
}

func TestHoldKeepsTheLine(t *testing.T) {
	w := Window{Len: 100, Height: 10, Cursor: 4}
	w.Hold(50)
	if w.Cursor-w.Offset != 4 {
		t.Fatalf("the line moved: %+v", w)
	}
}
