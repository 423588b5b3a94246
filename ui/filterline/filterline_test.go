package filterline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/muesli/termenv"

	"ctop/ui/filterline"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
	"ctop/ui/theme"
)

// list is a page that notes how it was moved.
type list struct {
	page.Base
	moved string
}

func (l *list) Move(n int) { l.moved += fmt.Sprint(n) }
func (l *list) Page(n int) { l.moved += fmt.Sprint("p", n) }

func open(keys ...string) (*fake.Frame, *list) {
	f, l := fake.NewFrame(fake.Flows(5)...), &list{}
	f.With(l)
	filterline.Open(f.Frame)
	f.Press(keys...)
	return f, l
}

func TestTheFilterIsSetWhileItIsTyped(t *testing.T) {
	for _, test := range []struct {
		keys []string
		want string
		open bool
	}{
		{[]string{"ud"}, "ud", true},
		{[]string{"tcp"}, "tcp", true},
		{[]string{"tcp dport:"}, "tcp", true}, // a value is still to come
		{[]string{"tcp", "enter"}, "tcp", false},
		{[]string{"tcp dport:x"}, "tcp", true},
		{[]string{"tcp dport:x", "enter"}, "tcp", true},
		{[]string{"tcp", "esc"}, "", false},
		{[]string{"tcp", "enter", "x"}, "tcp", false},
	} {
		f, _ := open(test.keys...)
		if test.want == "ud" {
			test.want = f.FilterText() // half a word is no filter yet
		}
		if got := f.FilterText(); got != test.want || (f.Dialog() != nil) != test.open {
			t.Errorf("%q: the filter is %q, open %t", test.keys, got, f.Dialog() != nil)
		}
	}
	// It begins with the filter that was, and goes back to it.
	f, _ := open("tcp", "enter")
	filterline.Open(f.Frame)
	if f.Press(" or udp"); f.FilterText() != "tcp or udp" {
		t.Errorf("the filter is %q", f.FilterText())
	}
	if f.Press("esc"); f.FilterText() != "tcp" {
		t.Errorf("the filter is %q", f.FilterText())
	}
}

func TestAKeptFilterEndsTheDrillDown(t *testing.T) {
	f, _ := open("esc")
	f.Run(f.Narrow("udp"))
	filterline.Open(f.Frame)
	f.Press("esc")
	if f.CameFrom() == "" {
		t.Error("a dropped filter ends the drill-down")
	}
	filterline.Open(f.Frame)
	f.Press("enter")
	if f.CameFrom() != "" {
		t.Error("Esc leads back from a filter that was kept")
	}
}

func TestCompletion(t *testing.T) {
	f, _ := open("st", "tab", "est", "tab", "enter")
	if got := f.FilterText(); got != "state:established" {
		t.Errorf("%q", got)
	}
	f, _ = open("s", "tab")
	if got := f.Dialog().Footer(80, 1)[1]; got != "   state: src: sport:" && !strings.HasPrefix(got, "   s") {
		t.Errorf("%q", got)
	}
	f.Press("t")
	if got := f.Dialog().Footer(80, 1)[1]; !strings.Contains(got, "⏎ keep") {
		t.Errorf("%q", got)
	}
}

func TestThePageMovesMeanwhile(t *testing.T) {
	f, l := open("up", "down", "pgup", "pgdown")
	if l.moved != "p-1p1" {
		t.Errorf("moved %q", l.moved)
	}
	if below := f.Dialog().Below(); !below.Scrolls || below.HidesAside {
		t.Errorf("%+v", below)
	}
}

func TestErrorsStandUnderTheirPlace(t *testing.T) {
	f, _ := open("tcp state:x")
	d := f.Dialog()
	if d.Rows(80) != 1 {
		t.Errorf("%d rows", d.Rows(80))
	}
	lines := d.Footer(80, 1)
	if len(lines) != 2 || lines[0] != " / tcp state:x▏" {
		t.Fatalf("%q", lines)
	}
	at := strings.Index(lines[0], "x")
	if strings.Index(lines[1], "^") != at || !strings.HasPrefix(lines[1][at:], "^ state: no state begins with") {
		t.Errorf("%q", lines[1])
	}
	// Without a line of its own the error is beside the text.
	if lines = d.Footer(80, 0); len(lines) != 1 || !strings.Contains(lines[0], "tcp state:x▏  ") || !strings.Contains(lines[0], "no state begins") {
		t.Errorf("%q", lines)
	}
	// Behind a long text there is more room before the place.
	f, _ = open("tcp tcp tcp tcp tcp tcp tcp state:x")
	lines = f.Dialog().Footer(48, 1)
	if !strings.HasSuffix(lines[1], "… ^") || len([]rune(lines[1])) != len([]rune(lines[0]))-1 || !strings.Contains(lines[1], "no state") {
		t.Errorf("%q", lines)
	}
	f, _ = open("tcp")
	if lines = f.Dialog().Footer(80, 0); len(lines) != 1 || lines[0] != " / tcp▏" {
		t.Errorf("%q", lines)
	}
}

// Nothing is wider than the screen, and everything uses the width that there is.
func TestTheLineFits(t *testing.T) {
	const hint = "⏎ keep   Esc drop   Tab complete   ↑ earlier   dport:80,443 or !answered"
	f, _ := open("tcp")
	for width, want := range map[int]string{
		75: "   " + hint, 74: "   " + hint[:len(hint)-2] + "…", 4: "   …", 3: "   ", 2: "   ",
	} {
		if got := f.Dialog().Footer(width, 1)[1]; got != want {
			t.Errorf("%d wide: %q, not %q", width, got, want)
		}
	}
	f, _ = open("s", "tab")
	all := f.Dialog().Footer(200, 1)[1]
	if got := f.Dialog().Footer(12, 1)[1]; got != string([]rune(all)[:11])+"…" {
		t.Errorf("%q of %q", got, all)
	}
	f, _ = open("st", "tab") // one completion, which is in the line already
	if got := f.Dialog().Footer(100, 1); got[0] != " / state:▏" || got[1] != "   "+hint {
		t.Errorf("%q", got)
	}
	// The text scrolls in a line that is too short.
	f, _ = open("tcp dport:443")
	for width, want := range map[int]string{18: " / tcp dport:443▏", 17: " / cp dport:443▏", 16: " / p dport:443▏"} {
		if got := f.Dialog().Footer(width, 0)[0]; got != want {
			t.Errorf("%d wide: %q, not %q", width, got, want)
		}
	}
}

// TestReplacing: the first letter replaces the filter that was, anything else edits it.
func TestReplacing(t *testing.T) {
	for _, test := range []struct {
		keys []string
		want string
	}{
		{[]string{"udp"}, "udp"},
		{[]string{" dport:1"}, "tcp dport:1"},
		{[]string{"left", "x", "backspace"}, "tcp"},
		{[]string{"backspace", "p"}, "tcp"},
		{[]string{"tab", " port:2"}, "tcp port:2"},
		{[]string{"esc"}, "tcp"},
		{[]string{"enter"}, "tcp"},
	} {
		f, _ := open("tcp", "enter")
		filterline.Open(f.Frame)
		if got := strings.Join(f.Dialog().Footer(100, 1), "\n"); !strings.Contains(got, " / tcp▏") || !strings.Contains(got, "a letter replaces it") {
			t.Errorf("%q", got)
		}
		f.Theme.Cursor = theme.New(termenv.ANSI, true, false).Cursor
		if got := f.Dialog().Footer(100, 1)[0]; !strings.Contains(got, f.Theme.Cursor.Render("tcp")) {
			t.Errorf("what a letter replaces is not marked: %q", got)
		}
		if f.Press(test.keys...); f.FilterText() != test.want {
			t.Errorf("%q: the filter is %q", test.keys, f.FilterText())
		}
	}
}

// TestHistory recalls what was kept, the latest first and nothing twice.
func TestHistory(t *testing.T) {
	f, _ := open("tcp", "enter")
	for _, text := range []string{"udp", "icmp", "udp", "dport:1"} {
		filterline.Open(f.Frame)
		f.Press(text)
		if f.Press("enter"); f.FilterText() != text {
			t.Fatalf("the filter is %q", f.FilterText())
		}
	}
	filterline.Open(f.Frame)
	f.Press("x", "esc")
	filterline.Open(f.Frame)
	f.Press(" port:7")
	for i, want := range []string{"dport:1", "udp", "icmp", "tcp", "tcp"} {
		if f.Press("up"); f.FilterText() != want {
			t.Errorf("%d: the filter is %q, not %q", i, f.FilterText(), want)
		}
	}
	for i, want := range []string{"icmp", "udp", "dport:1", "dport:1 port:7", "dport:1 port:7"} {
		if f.Press("down"); f.FilterText() != want {
			t.Errorf("%d: the filter is %q, not %q", i, f.FilterText(), want)
		}
	}
	if f.Press("up", "x", "backspace", "enter"); f.FilterText() != "dport:1" {
		t.Errorf("the filter is %q", f.FilterText())
	}
}
