package chooser_test

import (
	"slices"
	"strings"
	"testing"

	"ctop/ui/chooser"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
)

// columns are a list of three, of which the first two are the standard.
type columns struct{ chosen []string }

func (c *columns) Chosen() []string      { return c.chosen }
func (c *columns) Choose(names []string) { c.chosen = names }

func (c *columns) Choices() (list []chooser.Choice) {
	chosen := c.chosen
	if chosen == nil {
		chosen = []string{"state", "ttl"}
	}
	for _, name := range []string{"state", "ttl", "idle"} {
		list = append(list, chooser.Choice{Name: name, Means: "the " + name, On: slices.Contains(chosen, name), NoRoom: name == "idle" && slices.Contains(chosen, name)})
	}
	return list
}

func TestChoosing(t *testing.T) {
	for _, test := range []struct {
		keys   []string
		before []string
		want   []string
		open   bool
	}{
		{[]string{"space"}, nil, []string{"ttl"}, true},
		{[]string{"space", "space"}, nil, []string{"state", "ttl"}, true},
		{[]string{"down", "down", "space"}, nil, []string{"state", "ttl", "idle"}, true},
		{[]string{"down", "down", "down", "up", "space", "enter"}, nil, []string{"state"}, false},
		{[]string{"j", "space", "k", "space", "c"}, nil, []string{}, false},
		{[]string{"space", "esc"}, nil, nil, false},
		{[]string{"space", "q"}, []string{"idle"}, []string{"idle"}, false},
		{[]string{"space", "0"}, []string{"idle"}, nil, true},
		{[]string{"0", "space", "esc"}, []string{"idle"}, nil, false},
		{[]string{"x"}, []string{"idle"}, []string{"idle"}, true},
	} {
		f, c := fake.NewFrame(), &columns{test.before}
		f.With(page.Base{})
		chooser.Open(f.Frame, c)
		f.Press(test.keys...)
		same := slices.Equal(c.chosen, test.want) && (c.chosen == nil) == (test.want == nil)
		if open := f.Dialog() != nil; !same || open != test.open {
			t.Errorf("%q: %#v, open %t", test.keys, c.chosen, open)
		}
	}
}

func TestBox(t *testing.T) {
	f, c := fake.NewFrame(), &columns{}
	f.With(page.Base{})
	chooser.Open(f.Frame, c)
	f.Press("down")
	d := f.Dialog()
	got := d.Box(60, 20)
	want := []string{"┌ columns: [-] has no room here ", "│  [x] state       the state ", "│ ▌[x] ttl         the ttl ", "│  [ ] idle        the idle ", "└──"}
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i, line := range got {
		if !strings.HasPrefix(line, want[i]) || len([]rune(line)) != 52 {
			t.Errorf("%q, not %q", line, want[i])
		}
	}
	// The cursor stays in sight in a box that is too small.
	f.Press("down")
	if got := d.Box(60, 3); len(got) != 3 || !strings.Contains(got[1], "▌[ ] idle") {
		t.Errorf("%q", got)
	}
	// What is on and has no room is not said to be shown.
	f.Press("space")
	if got := d.Box(60, 3); !strings.Contains(got[1], "▌[-] idle") {
		t.Errorf("%q", got)
	}
	for _, size := range [][2]int{{60, 2}, {4, 20}} {
		if got := d.Box(size[0], size[1]); got != nil {
			t.Errorf("%v: %q", size, got)
		}
	}
	if got := d.Box(5, 3); len(got) != 3 || len([]rune(got[1])) != 5 {
		t.Errorf("%q", got)
	}
	if got := d.Footer(80, 0); len(got) != 1 || !strings.HasPrefix(got[0], " Space show or hide   0 as at first   ⏎ done") || !strings.HasSuffix(got[0], "Esc drop") {
		t.Errorf("%q", got)
	}
}

// TestPages goes through a list that is longer than its box by pages, and to its ends.
func TestPages(t *testing.T) {
	f, c := fake.NewFrame(), &columns{}
	f.With(page.Base{})
	chooser.Open(f.Frame, c)
	d := f.Dialog()
	at := func(key, want string) {
		t.Helper()
		f.Press(key)
		if got := d.Box(60, 4); !strings.Contains(strings.Join(got, ""), "▌[x] "+want) && !strings.Contains(strings.Join(got, ""), "▌[ ] "+want) {
			t.Errorf("%s: not on %s: %q", key, want, got)
		}
	}
	d.Box(60, 4)
	at("pgdown", "ttl")
	at("pgdown", "idle")
	at("pgup", "ttl")
	at("home", "state")
	at("end", "idle")
}

// many is a list that is longer than its box.
type many struct{ columns }

func (m *many) Choices() (list []chooser.Choice) {
	for i := range 20 {
		list = append(list, chooser.Choice{Name: string(rune('a' + i)), Means: "x"})
	}
	return list
}

// A page is as many choices as were on the screen, and the standard columns begin at the top.
func TestPagesOfABox(t *testing.T) {
	f, m := fake.NewFrame(), &many{}
	f.With(page.Base{})
	chooser.Open(f.Frame, m)
	d := f.Dialog()
	at := func(key, want string) {
		t.Helper()
		f.Press(key)
		for _, line := range d.Box(60, 8) {
			if strings.Contains(line, "▌") && !strings.Contains(line, "[ ] "+want+" ") {
				t.Errorf("%s: on %q, not on %s", key, line, want)
			}
		}
	}
	at("down", "b")
	d.Box(60, 8)
	at("pgdown", "g")
	at("pgdown", "l")
	at("pgup", "g")
	at("0", "a")
	d.Box(60, 3) // no room for a choice
	at("pgdown", "b")
	at("end", "t")
}
