package views_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/ui/internal/fake"
	"ctop/ui/page"
	"ctop/ui/views"
)

// shelf is a book in a frame, whose keys go to the book.
type shelf struct {
	*fake.Frame
	book  *views.Book
	now   page.View
	shown []page.View
}

func newShelf(names ...string) *shelf {
	s := &shelf{Frame: fake.NewFrame(fake.Flows(3)...), now: page.View{Filter: "tcp", Sort: "rate:desc"}}
	s.With(page.Base{})
	s.book = views.New(s.Frame.Frame)
	s.book.Present = func() page.View { return s.now }
	s.book.Show = func(v page.View) tea.Cmd {
		s.shown = append(s.shown, v)
		return nil
	}
	all := map[string]page.View{}
	for _, name := range names {
		all[name] = page.View{Filter: "dport:443", Sort: name}
	}
	s.book.SetViews(all)
	return s
}

func (s *shelf) press(t *testing.T, keys ...string) {
	t.Helper()
	for _, msg := range fake.Keys(keys...) {
		if d := s.Dialog(); d != nil {
			s.Run(d.HandleKey(msg))
		} else if !s.book.HandleKey(msg) {
			t.Errorf("%s means nothing", msg)
		}
	}
}

// A view is saved under a name, which is the first one that is offered the next time: a letter
// replaces it.
func TestSaving(t *testing.T) {
	s := newShelf()
	s.press(t, "V", "web", "enter")
	if s.Dialog() != nil || s.Said() != "saved as web, until this session ends: v chooses a view" || s.book.Views()["web"].Filter != "tcp" {
		t.Errorf("it says %q: %+v", s.Said(), s.book.Views())
	}
	s.book.Kept = true
	s.now.Filter = "udp"
	s.press(t, "V", "enter")
	if s.Said() != "replaced web: v chooses a view" || s.book.Views()["web"].Filter != "udp" {
		t.Errorf("it says %q: %+v", s.Said(), s.book.Views())
	}
	s.press(t, "V", "dns", "enter")
	s.press(t, "V", "backspace", "x", "enter")
	s.press(t, "V", "  ", "enter")
	s.press(t, "V", "no", "esc")
	if got := s.book.Names(); !slices.Equal(got, []string{"dns", "dnx", "web"}) || s.Dialog() != nil {
		t.Errorf("the views are %q", got)
	}
	if s.book.HandleKey(fake.Keys("x")[0]) {
		t.Error("x means something")
	}
}

// The line for the name leaves its hints out where the name would have no room.
func TestNameAndHints(t *testing.T) {
	s := newShelf()
	s.press(t, "V", "web")
	whole := len(" save this view as ") + len("   . save   Esc drop")
	for width, hinted := range map[int]bool{whole + 10: true, whole + 9: false, 40: false} {
		got := s.Dialog().Footer(width, 1)[0]
		if strings.Contains(got, "Esc drop") != hinted || !strings.HasPrefix(got, " save this view as web") || len([]rune(got)) > width {
			t.Errorf("%d wide: %q", width, got)
		}
	}
}

// at returns the name of the view under the cursor.
func (s *shelf) at() string {
	for _, line := range s.Dialog().Box(80, 20) {
		if _, rest, ok := strings.Cut(line, "▌"); ok {
			return strings.Fields(rest)[0]
		}
	}
	return ""
}

// A view is chosen from a list, or forgotten. The list begins with the one that was shown last.
func TestChoosing(t *testing.T) {
	s := newShelf("a", "b", "c")
	s.press(t, "v")
	if box := s.Dialog().Box(80, 20); !strings.Contains(box[1], "▌a              dport:443, by a") {
		t.Errorf("%q", box)
	}
	if got := s.Dialog().Footer(80, 1)[0]; !strings.Contains(got, "show") || !strings.Contains(got, "forget") || !strings.HasSuffix(strings.TrimSpace(got), "back") {
		t.Errorf("%q", got)
	}
	for _, c := range []struct{ key, want string }{{"down", "b"}, {"down", "c"}, {"down", "c"}, {"up", "b"}, {"up", "a"}, {"up", "a"}, {"down", "b"}} {
		if s.press(t, c.key); s.at() != c.want {
			t.Errorf("after %s it is on %q, want %s", c.key, s.at(), c.want)
		}
	}
	if s.press(t, "enter"); len(s.shown) != 1 || s.shown[0].Sort != "b" || s.Dialog() != nil {
		t.Errorf("it shows %+v", s.shown)
	}
	if s.press(t, "v"); s.at() != "b" {
		t.Errorf("it begins with %q", s.at())
	}
	s.press(t, "d")
	if got := s.book.Names(); !slices.Equal(got, []string{"a", "c"}) || s.Dialog() == nil || s.at() != "c" {
		t.Errorf("%q are left", got)
	}
	for _, key := range []string{"esc", "q", "v"} {
		if s.press(t, key); s.Dialog() != nil {
			t.Errorf("%s does not close the list", key)
		}
		s.press(t, "v")
	}
	s.press(t, "d", "d")
	if s.Dialog() != nil || len(s.book.Names()) != 0 {
		t.Errorf("of no views there is a list: %q", s.book.Names())
	}
	if s.press(t, "v"); s.Dialog() != nil || s.Said() != "no view is saved yet: V saves this one" {
		t.Errorf("it says %q", s.Said())
	}
	s.press(t, "V", "new", "enter")
	if len(s.shown) != 1 || s.book.Names()[0] != "new" {
		t.Errorf("%q", s.book.Names())
	}
}

// The views that a book was given, and those that it gives, are copies.
func TestCopies(t *testing.T) {
	s := newShelf()
	given := map[string]page.View{"a": {}}
	s.book.SetViews(given)
	given["b"] = page.View{}
	got := s.book.Views()
	delete(got, "a")
	if now := slices.Sorted(maps.Keys(s.book.Views())); !slices.Equal(now, []string{"a"}) {
		t.Errorf("the views are %q", now)
	}
}
