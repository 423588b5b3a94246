package page_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/muesli/termenv"

	"ctop/ui/internal/fake"
	"ctop/ui/keys"
	"ctop/ui/page"
	"ctop/ui/scroll"
	"ctop/ui/theme"
)

// A page of lines scrolls by lines, by pages of one line less than it shows, and to both ends,
// and no further.
func TestScrolling(t *testing.T) {
	var lines []string
	for i := range 20 {
		lines = append(lines, fmt.Sprint(i))
	}
	s := page.Scrolling{Width: 10, Height: 6}
	s.Draw(lines)
	for i, c := range []struct {
		do    func()
		first string
		below int
	}{
		{func() {}, "0", 14},
		{func() { s.Move(3) }, "3", 11},
		{func() { s.Page(1) }, "8", 6},
		{func() { s.Page(-1) }, "3", 11},
		{func() { s.Move(-9) }, "0", 14},
		{func() { s.Bottom() }, "14", 0},
		{func() { s.Move(1) }, "14", 0},
		{func() { s.Draw(lines[:10]) }, "4", 0},
		{func() { s.Top() }, "0", 4},
		{func() { s.Height = 1; s.Page(2) }, "2", 7},
		{func() { s.Draw(lines[:1]) }, "0", 0},
	} {
		c.do()
		want := page.LinesBelow(c.below)
		if got := s.Lines(); got[0] != c.first || !slices.Equal(s.Facts(), want) || c.below == 0 && want != nil {
			t.Errorf("%d: it begins with %s, and says %q", i, got[0], s.Facts())
		}
	}
	if s.Draw(nil); len(s.Lines()) != 0 {
		t.Errorf("of nothing it shows %q", s.Lines())
	}
}

// A list has a box if there is room for one cell of one line.
func TestBoxOfAList(t *testing.T) {
	l := page.List{Title: "x", Window: scroll.Window{Len: 3, Height: 3, Cursor: 1}, Most: 20, Line: func(i int) string { return fmt.Sprint("line", i) }}
	var plain theme.Theme
	for _, c := range []struct{ width, height, lines, cells int }{
		{page.BoxFrame, 10, 0, 0}, {page.BoxFrame + 1, 10, 5, page.BoxFrame + 1}, {30, 2, 0, 0}, {30, 3, 3, 20 + page.BoxFrame}, {30, 4, 4, 20 + page.BoxFrame}, {15, 9, 5, 15},
	} {
		got := l.Box(plain, c.width, c.height)
		if len(got) != c.lines || c.lines > 0 && len([]rune(got[1])) != c.cells {
			t.Errorf("%d by %d: %q", c.width, c.height, got)
		}
		if c.lines == 3 && !strings.Contains(got[1], "▌line1") {
			t.Errorf("the cursor is not in sight: %q", got)
		}
	}
}

// Blocks stand in up to three columns of equal widths.
func TestBesides(t *testing.T) {
	f := fake.NewFrame()
	var blocks []page.Block
	for i := range 5 {
		blocks = append(blocks, page.Block{Title: fmt.Sprint("t", i), Lines: []string{strings.Repeat("x", 200), "y"}})
	}
	seen := map[int]bool{}
	for width := 10; width < 300; width++ {
		lines := f.Beside(blocks, width)
		titles := strings.Count(lines[0], "T")
		seen[titles] = true
		for _, line := range lines {
			if n := len([]rune(line)); n > width {
				t.Fatalf("%d wide: a line of %d cells", width, n)
			}
		}
		each := width / titles
		if want := titles*(each-3) - 0; strings.Count(lines[1], "x")+strings.Count(lines[1], "…") != want {
			t.Fatalf("%d wide: %d columns have %d cells of text: %q", width, titles, want, lines[1])
		}
	}
	if !seen[1] || !seen[2] || !seen[3] || len(seen) != 3 {
		t.Errorf("blocks stand in columns of %v", seen)
	}
}

// A page without keys takes none, and closing more pages than there are closes none.
func TestBaseAndPop(t *testing.T) {
	if cmd, ok := (page.Base{}).HandleKey(fake.Keys("x")[0]); ok || cmd != nil {
		t.Error("a page without keys takes one")
	}
	f := fake.NewFrame(fake.Flows(1)...)
	f.With(page.Base{})
	f.Push(page.Base{})
	f.Push(page.Base{})
	for want := 1; want >= -1; want-- {
		if f.Pop(); len(f.Over()) != max(want, 0) {
			t.Errorf("%d pages are over the tab", len(f.Over()))
		}
	}
	empty := fake.NewFrame()
	empty.With(page.Base{})
	if empty.Run(empty.SetMark()); empty.Said() != "there is nothing to mark yet" {
		t.Errorf("without a snapshot it says %q", empty.Said())
	}
}

// The hints of keys that change something are dim for who may not, and as wide as before.
func TestDimHints(t *testing.T) {
	hints := []page.Hint{{Key: keys.Bind("x", "", "x"), Does: "delete", Acts: true}, {Key: keys.Bind("y", "", "y"), Does: "copy"}}
	f := fake.NewFrame(fake.Flows(1)...)
	f.Theme = theme.New(termenv.ANSI, true, false)
	line := func(width int) string { return page.HintLine(f.Theme, width, slices.Clone(hints), nil) }
	whole := 1 + len("x delete") + 3 + len("y copy") + 1
	for width, want := range map[int]bool{whole: true, whole - 1: false} {
		if got := line(width); strings.Contains(got, "copy") != want {
			t.Errorf("%d wide: %q", width, got)
		}
	}
	f.Past = true
	if got := f.FooterLine(slices.Clone(hints), nil); !strings.Contains(got, "\x1b[2mx delete\x1b[0m") || strings.Contains(got, "\x1b[2my") {
		t.Errorf("in the past: %q", got)
	}
	f.Theme = theme.Theme{}
	if got := f.FooterLine(slices.Clone(hints), nil); strings.Contains(got, "delete") || !strings.Contains(got, "y copy") {
		t.Errorf("without styles: %q", got)
	}
}
