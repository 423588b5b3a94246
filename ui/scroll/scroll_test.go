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

func TestLine(t *testing.T) {
	w := Window{Len: 5, Height: 3, Offset: 1, Cursor: 1}
	for y, want := range map[int]int{-1: -1, 0: 1, 2: 3, 3: -1} {
		line, ok := w.Line(y)
		if ok != (want >= 0) || ok && line != want {
			t.Errorf("line %d of the screen is %d, %t", y, line, ok)
		}
	}
	w = Window{Len: 2, Height: 3}
	if _, ok := w.Line(2); ok {
		t.Error("there is a line behind the last")
	}
}

func TestPage(t *testing.T) {
	w := Window{Len: 100, Height: 10, Cursor: 3}
	if w.Page(1); w.Cursor != 12 || w.Offset != 9 {
		t.Errorf("a page down: %+v", w)
	}
	if w.Page(-1); w.Cursor != 3 || w.Offset != 0 {
		t.Errorf("a page up: %+v", w)
	}
	w.Height = 1
	if w.Page(1); w.Cursor != 4 {
		t.Errorf("a page of one line: %+v", w)
	}
}
