package events_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
	"ctop/ui/events"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
)

// A host that tells much pushes out its own events, not those of other hosts, and what is
// visible stays.
func TestEachHostHasItsPart(t *testing.T) {
	f, p := newLog(130)
	of := func(host string, i int) flow.Event {
		e := begun(i)
		e.Host = host
		return e
	}
	flood := func() {
		for range 30 {
			f.Send(taken(slices.Repeat([]flow.Event{of("mallory", 1)}, 1000)...))
		}
	}
	f.Send(taken(slices.Repeat([]flow.Event{of("edge-1", 2)}, events.Limit/4)...))
	f.Send(taken(of("edge-2", 0)))
	flood()
	f.Send(taken(of("edge-2", 3)))
	flood()
	if a, b, m := len(p.Of(begun(2).ID)), len(p.Of(begun(0).ID))+len(p.Of(begun(3).ID)), len(p.Of(begun(1).ID)); a != events.Limit/4 || b != 2 || m < events.Limit/2 {
		t.Errorf("%d events of edge-1, %d of edge-2, %d of mallory", a, b, m)
	}
	if _, kept := p.Counts(); kept < events.Limit || kept > events.Limit*5/4 {
		t.Errorf("%d kept", kept)
	}
	f.Press("home", "down", "down")
	here := cursor(t, p)
	flood()
	if got := cursor(t, p); got != here {
		t.Errorf("the cursor moved from\n%s\nto\n%s", here, got)
	}
	f.Run(f.TogglePause()) // what is held back is shared, too
	f.Send(taken(slices.Repeat([]flow.Event{of("edge-2", 4)}, 100)...))
	flood()
	f.Run(f.TogglePause())
	if n := len(p.Of(begun(4).ID)); n != 100 {
		t.Errorf("%d of 100 events that were held back", n)
	}
}

func taken(list ...flow.Event) page.EventsTaken { return page.EventsTaken{All: list, Shown: list} }

// begun is the event of a flow's first packet, i seconds after the start.
func begun(i int) flow.Event {
	f := fake.Flow(i)
	return flow.Event{
		Time: fake.Start.Add(time.Duration(i) * time.Second), Type: flow.EventNew, ID: f.ID, Tuple: f.Tuple, To: f.State,
	}
}

func ended(i int, r flow.Reason) flow.Event {
	f := fake.Flow(i)
	return flow.Event{
		Time: fake.Start, Type: flow.EventDestroy, ID: f.ID, Tuple: f.Tuple, From: f.State, To: flow.StateNone,
		Reason: r, Origin: f.Origin, Reply: f.Reply, Age: 90 * time.Second,
	}
}

// row returns the line with a text, without what follows the columns.
func row(t *testing.T, p *events.Page, text string) string {
	t.Helper()
	for _, line := range p.Lines() {
		if strings.Contains(line, text) {
			return strings.TrimRight(line, " ")
		}
	}
	t.Fatalf("no %q in\n%s", text, strings.Join(p.Lines(), "\n"))
	return ""
}

func cursor(t *testing.T, p *events.Page) string {
	t.Helper()
	return row(t, p, "▌")
}
