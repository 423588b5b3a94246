package ui

import (
	"errors"
	"fmt"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/exp/golden"
)

// fakeEnding is a tracker that ends with the console, or goes on.
type fakeEnding struct {
	ends, keepable, kept bool
	err                  error
}

func (e *fakeEnding) Ends() bool     { return e.ends }
func (e *fakeEnding) Keepable() bool { return e.keepable }

func (e *fakeEnding) Keep() error {
	e.kept = e.err == nil
	return e.err
}

// q goes back one level, whatever that is, and quits where there is none.
func TestQuitGoesBack(t *testing.T) {
	for name, test := range map[string]struct{ open, there []string }{
		"detail":               {[]string{"enter"}, []string{"timeline"}},
		"help":                 {[]string{"?"}, []string{"everything about the flow"}},
		"help over the detail": {[]string{"enter", "?"}, []string{"everything about the flow"}},
		"columns":              {[]string{"c"}, []string{"show or hide"}},
		"sorting":              {[]string{"s"}, []string{"sort by"}},
		"a question":           {[]string{"d"}, []string{"delete 1 flow?"}},
		"a drill-down":         {[]string{"3", "enter"}, []string{"back to talkers"}},
	} {
		c := newConsole(t, 120, 30, flowsUpTo(10))
		c.press(test.open...)
		c.shows(test.there...)
		c.press("q")
		if c.quit {
			t.Errorf("%s: it quits", name)
		}
		c.hides(test.there...)
		for range 3 {
			c.press("q")
		}
		if !c.quit {
			t.Errorf("%s: it never quits", name)
		}
	}
}

// Whose console the tracker ends with is asked first, by q and by Ctrl-C; every key
// but two leaves it as it is.
func TestLeavingAsks(t *testing.T) {
	for _, leave := range []string{"q", "ctrl+c"} {
		for key, test := range map[string]struct{ quit, kept bool }{
			"s": {true, false}, "k": {true, true}, "esc": {}, "q": {}, "enter": {}, "n": {}, "y": {}, "d": {},
		} {
			e := &fakeEnding{ends: true, keepable: true}
			c := newConsole(t, 80, 24, flowsUpTo(10), WithEnding(e))
			c.press(leave)
			c.shows("stop forwarding?", "veth1 ⇄ veth2", "s stop   k keep running   Esc stay")
			if c.quit {
				t.Fatal("it does not wait for the answer")
			}
			c.press(key)
			if c.quit != test.quit || e.kept != test.kept {
				t.Errorf("%s, %s: quit %t, kept %t", leave, key, c.quit, e.kept)
			}
			if key == "esc" || key == "q" {
				c.hides("stop forwarding")
			}
		}
	}
}

// Where the tracker does not end there is nothing to ask, nor where it cannot be
// kept anything to keep.
func TestLeavingUnasked(t *testing.T) {
	e := &fakeEnding{}
	c := newConsole(t, 80, 24, flowsUpTo(1), WithEnding(e))
	c.press("q")
	if !c.quit {
		t.Error("it asks whose tracker goes on")
	}
	e.ends = true
	c = newConsole(t, 80, 24, flowsUpTo(1), WithEnding(e))
	c.press("q")
	c.hides("keep running")
	c.press("k")
	c.shows("stop forwarding?")
	if c.quit || e.kept {
		t.Error("it keeps what cannot be kept")
	}
}

// A second Ctrl-C in a row quits, also before the question is there; what is open
// below stays open where the operator stays.
func TestInterruptTwice(t *testing.T) {
	for _, open := range [][]string{nil, {"/"}, {"d"}, {"enter", "?"}, {"5", "enter"}} {
		c := newConsole(t, 80, 24, flowsUpTo(3), WithEnding(&fakeEnding{ends: true, keepable: true}))
		c.press(open...)
		before := c.m.View()
		c.press("ctrl+c")
		c.shows("stop forwarding?")
		c.press("esc")
		if after := c.m.View(); after != before {
			t.Errorf("%v: it is not as it was:\n%s\n%s", open, before, after)
		}
		c.press("ctrl+c")
		if c.quit {
			t.Errorf("%v: the first one after a stay quits", open)
		}
		if c.press("ctrl+c"); !c.quit {
			t.Errorf("%v: the second one does not quit", open)
		}
	}
	m := newConsole(t, 80, 24, flowsUpTo(3), WithEnding(&fakeEnding{ends: true})).m
	m.leaving.Interrupt()
	if cmd := m.leaving.Interrupt(); cmd == nil || m.frame.Dialog() != nil || cmd() != tea.Msg(tea.QuitMsg{}) {
		t.Error("the second one waits for the question")
	}
}

// What is typed before the question is there answers it.
func TestAnsweredAhead(t *testing.T) {
	e := &fakeEnding{ends: true, keepable: true}
	c := newConsole(t, 80, 24, flowsUpTo(3), WithEnding(e))
	c.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("qk")})
	if !c.quit || !e.kept {
		t.Errorf("quit %t, kept %t", c.quit, e.kept)
	}
}

func TestKeepFails(t *testing.T) {
	e := &fakeEnding{ends: true, keepable: true, err: errors.New("keep the tracker: no room")}
	c := newConsole(t, 80, 24, flowsUpTo(1), WithEnding(e))
	c.press("q", "k")
	c.shows("keep the tracker: no room")
	if c.quit {
		t.Error("it quits all the same")
	}
}

func TestLeavingScreens(t *testing.T) {
	for _, size := range sizes {
		for name, open := range map[string][]string{"flows": nil, "detail": {"enter"}} {
			t.Run(fmt.Sprintf("%s_%dx%d", name, size[0], size[1]), func(t *testing.T) {
				c := newConsole(t, size[0], size[1], flowsUpTo(100), WithEnding(&fakeEnding{ends: true, keepable: true}))
				c.press(open...)
				c.press("ctrl+c")
				golden.RequireEqual(t, []byte(c.m.View()))
			})
		}
	}
}
