package ui

import (
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/tracker/flow"
)

// pastList is a past that keeps everything.
type pastList struct{ kept []*flow.Snapshot }

func (p *pastList) Offer(s *flow.Snapshot) {
	if s != nil && (len(p.kept) == 0 || s.Time.After(p.kept[len(p.kept)-1].Time)) {
		p.kept = append(p.kept, s)
	}
}

func (p *pastList) Times() (times []time.Time) {
	for _, s := range p.kept {
		times = append(times, s.Time)
	}
	return times
}

func (p *pastList) At(at time.Time, _ *flow.Snapshot) *flow.Snapshot {
	for _, s := range slices.Backward(p.kept) {
		if !s.Time.After(at) {
			return s
		}
	}
	return nil
}

// newPast returns a console that was open for so many seconds, in each of which a flow
// began: at the time start+i there are i+1.
func newPast(t *testing.T, width, height, seconds int) (*console, *pastList) {
	p := new(pastList)
	c := newConsole(t, width, height, flowsUpTo(1), WithPast(p))
	for i := range seconds {
		f := fakeFlow(i + 1)
		c.source.events = append(c.source.events, flow.Event{
			Type: flow.EventNew, Time: c.now.Add(time.Second), ID: f.ID, Tuple: f.Tuple, To: f.State,
		})
		if i == 70 {
			c.source.events = append(c.source.events, destroy(fakeFlow(2), flow.ReasonRST, c.now.Add(time.Second)))
		}
		c.publish(flowsUpTo(i+2), time.Second)
	}
	return c, p
}

func TestPastSteps(t *testing.T) {
	c, p := newPast(t, 120, 24, 90)
	c.shows("91/91")
	c.hides(" −", "paused")
	for _, step := range []struct{ keys, want string }{
		{"[", "21:05:34 −1s"},
		{"[ [", "21:05:32 −3s"},
		{"]", "21:05:33 −2s"},
		{"{", "21:04:33 −1m02s"},
		{"{", "21:04:05 −1m30s"},
		{"[", "21:04:05 −1m30s"},
		{"]", "21:04:06 −1m29s"},
		{"}", "21:05:06 −29s"},
	} {
		c.press(strings.Fields(step.keys)...)
		c.shows(step.want)
		if step.keys == "[" && step.want == "21:04:05 −1m30s" {
			c.shows("nothing is kept of earlier times: the first is of 21:04:05")
		}
	}
	c.shows("62/62")
	// Time goes on, what is shown does not.
	before := rowsOf(c)
	c.publish(flowsUpTo(92), time.Second)
	c.shows("21:05:06 −30s", "62/62")
	if !slices.Equal(rowsOf(c), before) {
		t.Error("the past changes")
	}
	for _, back := range []string{"end", "p", "}"} {
		c.press(back)
		c.hides(" −")
		c.shows("92/92", "came")
		c.press("[")
		c.shows("91/91", "21:05:35 −1s")
	}
	c.press("end", "]")
	c.shows("this is now: [ goes back in time")
	c.press("[", "]")
	c.shows("92/92", "21:05:36")
	c.press("]")
	c.hides(" −")
	// End still goes to the bottom, and g to the top.
	c.press("end")
	c.cursorOn("10.0.0.91:") // the slowest
	p.kept = nil
	c.press("[")
	c.shows("nothing is kept of earlier times")
	c.hides("the first is")
}

// Without a past there are no such keys.
func TestNoPast(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(5))
	for _, k := range []string{"[", "]", "{", "}"} {
		c.press(k)
		c.shows("no key here: ? lists the keys")
	}
	c.press("?")
	c.hides("last ten minutes")
}

// Every page shows what was at that time, also while the console was paused before.
func TestPastPages(t *testing.T) {
	for _, first := range []string{"g", "p"} {
		c, _ := newPast(t, 120, 40, 90)
		c.press(first, "{", "2", "G")
		c.shows("30/91", "10.0.0.30")
		c.hides("10.0.0.31")
		c.press("]")
		c.shows("31/91", "10.0.0.31")
		c.press("/", "state:ended", "enter", "1")
		c.shows("none of 32 flows passes")
		c.press("end", "[")
		c.shows("1 ended", "10.0.0.2:")
		c.press("{")
		c.press("esc", "4")
		c.shows("flows             30")
		c.press("end")
		c.shows("flows             91")
	}
}

// The page of a flow shows what was known of it at that time.
func TestPastDetail(t *testing.T) {
	c, _ := newPast(t, 120, 40, 90)
	c.press("/", "src:10.0.0.60", "enter", "enter")
	c.shows("10.0.0.60:", "21:05:05.000")
	c.press("{")
	c.shows("not in the table at 21:04:35")
	c.hides("21:05:05.000")
	c.press("}", "[", "[")
	c.hides("not in the table")
	c.press("end")
	c.hides("not in the table")
	c.shows("21:05:05.000")
}

// Whatever acts is refused before any question, on every page.
func TestPastRefuses(t *testing.T) {
	for page, ks := range map[string][]string{
		"1": {"d", "D", "x", "+", "-", "P", "0", "f9"}, "5": {"enter", "0"}, "enter": {"d", "x", "+", "-", "P", "0"},
	} {
		for _, k := range ks {
			c, _ := newPast(t, 80, 24, 3)
			c.press("[", page, k)
			c.shows("the past cannot be changed: End goes back to now")
			if c.m.frame.Dialog() != nil || len(c.source.deleted)+len(c.source.timeouts) > 0 {
				t.Errorf("%s on page %s is not refused", k, page)
			}
			c.press("end")
			if c.press(k); c.m.frame.Said() == "the past cannot be changed: End goes back to now" {
				t.Errorf("%s on page %s is refused now", k, page)
			}
		}
	}
	c, _ := newPast(t, 80, 24, 3)
	c.press("space", "[", "d")
	c.shows("the past cannot be changed")
	c.press("esc", "[")
	c.hides("d delete")
	c.shows("End now")
}

// What is no longer kept when it is to be shown leads back to now.
func TestPastIsLost(t *testing.T) {
	c, p := newPast(t, 80, 24, 10)
	c.press("[")
	m, cmd := c.m.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{'['}})
	c.m = m.(Model)
	p.kept = nil
	c.run(cmd)
	c.shows("came")
	c.hides(" −")
}

// A page on which there was nothing then says so, and blames neither a filter nor now.
func TestPastEmpty(t *testing.T) {
	c := newConsole(t, 120, 40, flowsUpTo(0), WithPast(new(pastList)))
	for i := range 5 {
		f := fakeFlow(i + 1)
		c.source.events = append(c.source.events, flow.Event{
			Type: flow.EventNew, Time: c.now.Add(time.Second), ID: f.ID, Tuple: f.Tuple, To: f.State,
		})
		c.publish(flowsUpTo(i+1), time.Second)
	}
	c.press("{")
	for page, want := range map[string]string{
		"1": "there were no flows then", "2": "nothing had happened yet", "3": "there were no flows then",
	} {
		c.press(page)
		c.shows(want)
		c.hides("filter; Esc", "no flows yet")
	}
	c.press("4")
	c.shows("at that time")
	c.press("2", "/", "state:syn", "enter")
	c.shows("none of 5 events passes the filter; Esc clears it")
}
