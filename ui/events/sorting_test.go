package events_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/events"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
)

// endOf returns the end of a flow that carried something for a time.
func endOf(id int, bytes uint64, age time.Duration) flow.Event {
	return flow.Event{
		ID: flow.ID(id), Type: flow.EventDestroy, Time: fake.Start.Add(time.Duration(id) * time.Second), Age: age,
		Tuple: fake.Flows(id)[id-1].Tuple, Origin: flow.Half{Packets: 1, Bytes: bytes},
	}
}

// TestSortedEvents sorts events by what their flows carried, by their ages, and with the
// newest first; more of them find their places, and only the log follows.
func TestSortedEvents(t *testing.T) {
	f := fake.NewFrame(fake.Flows(10)...)
	f.Width = 140
	var exported []flow.Event
	p := events.New(f.Frame, acting.New(f.Frame, acting.Options{}), events.Options{Export: func(list []flow.Event) (string, error) {
		exported = list
		return "/a/file", nil
	}})
	f.Log = p
	f.With(p)
	take := func(list ...flow.Event) { p.Update(page.EventsTaken{All: list, Shown: list}) }
	take(endOf(1, 500, time.Minute), endOf(2, 9000, time.Second), endOf(3, 20, time.Hour))
	is := func(keys string, want ...int) {
		t.Helper()
		for _, k := range strings.Fields(keys) {
			f.Press(k)
		}
		f.Press("e")
		var got []int
		for _, e := range exported {
			got = append(got, int(e.ID))
		}
		if !slices.Equal(got, want) {
			t.Errorf("after %s: %v, not %v", keys, got, want)
		}
		if said := fmt.Sprintf("wrote %d events to /a/file", len(want)); f.Said() != said {
			t.Errorf("said %q", f.Said())
		}
	}
	is("", 1, 2, 3)
	is("s", 2, 1, 3)
	if got := p.Facts(); !slices.Contains(got, "by bytes ▼") || !strings.HasPrefix(p.Lines()[1], "▌") {
		t.Errorf("facts are %q above %q", got, p.Lines())
	}
	take(endOf(4, 700, time.Minute))
	is("", 2, 4, 1, 3)
	is("S", 3, 1, 4, 2)
	is("s", 3, 4, 1, 2)
	is("s", 1, 2, 3, 4)
	if got := p.Facts(); slices.Contains(got, "G follows") {
		t.Errorf("facts are %q", got)
	}
	is("S", 4, 3, 2, 1)
	take(endOf(5, 1, 1))
	is("", 5, 4, 3, 2, 1)
	is("S", 1, 2, 3, 4, 5)
}

// TestSortedByIsShown has what is sorted by in a column of every width: an order that
// cannot be seen cannot be believed. Acts and sessions have nothing but a time.
func TestSortedByIsShown(t *testing.T) {
	f := fake.NewFrame(fake.Flows(10)...)
	f.Width = 80
	p := events.New(f.Frame, acting.New(f.Frame, acting.Options{}), events.Options{})
	f.Log = p
	f.With(p)
	f.Send(page.EventsTaken{All: nil, Shown: []flow.Event{endOf(1, 500, time.Minute), endOf(2, 9000, time.Second)}})
	f.Send(page.NoticesTaken{{Time: fake.Start, Text: "ann left"}, {Time: fake.Start.Add(time.Minute), Text: "bob left"}})
	f.Press("s")
	if lines := p.Lines(); !strings.Contains(lines[0], "  BYTES▼  FLOW") || !strings.Contains(lines[1], "    9.0 k  tcp") && !strings.Contains(lines[1], "    9.0 k  ") {
		t.Errorf("by bytes:\n%s", strings.Join(lines, "\n"))
	}
	f.Press("s")
	if lines := p.Lines(); !strings.Contains(lines[0], "    AGE▼  FLOW") || !strings.Contains(lines[1], "    1m00s  ") {
		t.Errorf("by age:\n%s", strings.Join(lines, "\n"))
	}
	f.Press("a")
	if facts := strings.Join(p.Facts(), " "); strings.Contains(facts, "by age") {
		t.Errorf("acts are %q", facts)
	}
	if lines := p.Lines(); !strings.Contains(lines[1], "ann left") || !strings.HasPrefix(lines[2], "▌") {
		t.Errorf("acts:\n%s", strings.Join(lines, "\n"))
	}
	f.Press("s")
	if lines := p.Lines(); !strings.Contains(lines[1], "bob left") || !strings.HasPrefix(lines[1], "▌") || !strings.Contains(strings.Join(p.Facts(), " "), "by time ▼") {
		t.Errorf("acts, the newest first:\n%s", strings.Join(lines, "\n"))
	}
	f.Press("s")
	f.Press("s")
	f.Press("a")
	f.Press("s")
	f.Press("a")
	f.Press("a")
	if lines := p.Lines(); !strings.HasPrefix(lines[1], "▌") {
		t.Errorf("back among the events, the cursor is not on the first of them:\n%s", strings.Join(lines, "\n"))
	}
}
