package confirm_test

import (
	"slices"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/ui/confirm"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
)

// asked opens a question that takes a text or a key, and returns how often it was
// answered with yes.
func asked(f *fake.Frame, text string) *int {
	yes := new(int)
	confirm.Ask(f.Frame, confirm.Question{
		Title: "delete 12 flows?", Lines: []string{"marked", "observe: forgotten only"},
		Verb: "delete them", Keep: "keep them", Type: text,
		Yes: func() tea.Msg {
			*yes++
			return nil
		},
	})
	return yes
}

func TestAnswers(t *testing.T) {
	for key, want := range map[string]struct {
		yes  int
		open bool
	}{
		"y": {1, false}, "Y": {1, false}, "n": {0, false}, "esc": {0, false}, "enter": {0, false}, "q": {0, false}, "x": {0, true},
	} {
		f := fake.NewFrame()
		f.With(page.Base{})
		yes := asked(f, "")
		f.Press(key)
		if open := f.Dialog() != nil; *yes != want.yes || open != want.open {
			t.Errorf("%s: yes %d, open %t", key, *yes, open)
		}
	}
}

func TestTypedAnswers(t *testing.T) {
	for _, test := range []struct {
		keys []string
		yes  int
		open bool
	}{
		{[]string{"1200", "enter"}, 1, false},
		{[]string{"1,200", "enter"}, 1, false},
		{[]string{"120", "enter"}, 0, true},
		{[]string{"120", "enter", "0", "enter"}, 1, false},
		{[]string{"y", "enter"}, 0, true},
		{[]string{"1200", "esc"}, 0, false},
		{[]string{"n", "q"}, 0, true},
	} {
		f := fake.NewFrame()
		f.With(page.Base{})
		yes := asked(f, "1200")
		f.Press(test.keys...)
		if open := f.Dialog() != nil; *yes != test.yes || open != test.open {
			t.Errorf("%q: yes %d, open %t", test.keys, *yes, open)
		}
	}
}

func TestBox(t *testing.T) {
	f := fake.NewFrame()
	asked(f, "")
	d := f.Dialog()
	got := d.Box(80, 24)
	if len(got) != 5 || !strings.HasPrefix(got[0], "┌ delete 12 flows? ─") || !strings.HasPrefix(got[3], "│ y delete them   N keep them ") {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	for _, line := range got {
		if n := len([]rune(line)); n != len([]rune(got[0])) {
			t.Errorf("%q is %d wide", line, n)
		}
	}
	if got := d.Footer(80, 0); !slices.Equal(got, []string{" y delete them   n keep them"}) {
		t.Errorf("%q", got)
	}
	if !d.Below().HidesAside || d.Below().Scrolls || d.Rows(80) != 0 {
		t.Errorf("%+v", d.Below())
	}
	for width := range 60 {
		for _, line := range d.Box(width, 24) {
			if n := len([]rune(line)); n > max(width, 4) {
				t.Errorf("at %d: %q is %d wide", width, line, n)
			}
		}
	}
	asked(f, "12")
	f.With(page.Base{})
	f.Press("1")
	if got := f.Dialog().Box(80, 24)[3]; !strings.HasPrefix(got, "│ type 12 to delete them: 1▏") {
		t.Errorf("%q", got)
	}
	if got := f.Dialog().Footer(80, 0); !slices.Equal(got, []string{" ⏎ when 12 is typed   Esc keep them"}) {
		t.Errorf("%q", got)
	}
}
