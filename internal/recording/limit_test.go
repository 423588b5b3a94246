package recording

import (
	"context"
	"errors"
	"testing"
	"time"

	"ctop/tracker/flow"
)

var start = time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)

func tuple() flow.Tuple {
	return flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("192.0.2.1:1"), Dst: flow.MustParseEnd("192.0.2.2:2")}
}

// TestValid has values on both sides of every limit.
func TestValid(t *testing.T) {
	for year, want := range map[int]bool{oldest: false, oldest + 1: true, latest - 1: true, latest: false} {
		if got := validTime(time.Date(year, 5, 1, 0, 0, 0, 0, time.UTC)); got != want {
			t.Errorf("the year %d is valid: %t", year, got)
		}
	}
	for _, c := range []struct {
		n, most int
		want    bool
	}{{-1, 5, false}, {0, 5, true}, {10, 5, true}, {11, 5, false}} {
		if got := validCount(c.n, c.most); got != c.want {
			t.Errorf("%d lines of %d flows are valid: %t", c.n, c.most, got)
		}
	}
	for name, c := range map[string]struct {
		change func(*flow.Snapshot)
		want   bool
	}{
		"as it is":        {func(*flow.Snapshot) {}, true},
		"the smallest":    {func(s *flow.Snapshot) { s.MaxFlows = 1 }, true},
		"no room":         {func(s *flow.Snapshot) { s.MaxFlows = 0 }, false},
		"the largest":     {func(s *flow.Snapshot) { s.MaxFlows = flow.MaxMaxFlows }, true},
		"too large":       {func(s *flow.Snapshot) { s.MaxFlows = flow.MaxMaxFlows + 1 }, false},
		"no time":         {func(s *flow.Snapshot) { s.Time = time.Time{} }, false},
		"flows in a head": {func(s *flow.Snapshot) { s.Flows = []flow.Flow{{}} }, false},
	} {
		s := &flow.Snapshot{Time: start, MaxFlows: 5, Interfaces: make([]flow.Interface, 2)}
		c.change(s)
		if got := validSnapshot(s); got != c.want {
			t.Errorf("a snapshot, %s, is valid: %t", name, got)
		}
	}
	for name, c := range map[string]struct {
		change func(*flow.Flow)
		want   bool
	}{
		"as it is":        {func(*flow.Flow) {}, true},
		"no id":           {func(f *flow.Flow) { f.ID = 0 }, false},
		"no state":        {func(f *flow.Flow) { f.State = flow.StateNone }, false},
		"the last state":  {func(f *flow.Flow) { f.State = flow.StateTimeWait }, true},
		"none beyond":     {func(f *flow.Flow) { f.State = flow.StateTimeWait + 1 }, false},
		"no address":      {func(f *flow.Flow) { f.Tuple.Src = flow.End{} }, false},
		"the last timer":  {func(f *flow.Flow) { f.TimeoutName = flow.Other }, true},
		"no timer beyond": {func(f *flow.Flow) { f.TimeoutName = flow.Other + 1 }, false},
	} {
		f := &flow.Flow{ID: 7, State: flow.StateNew, Tuple: tuple()}
		c.change(f)
		if got := validFlow(f); got != c.want {
			t.Errorf("a flow, %s, is valid: %t", name, got)
		}
	}
	for name, c := range map[string]struct {
		change func(*flow.Event)
		want   bool
	}{
		"as it is":          {func(*flow.Event) {}, true},
		"no type":           {func(e *flow.Event) { e.Type = flow.EventNew - 1 }, false},
		"the last type":     {func(e *flow.Event) { e.Type = flow.EventLost }, true},
		"none beyond":       {func(e *flow.Event) { e.Type = flow.EventLost + 1 }, false},
		"no time":           {func(e *flow.Event) { e.Time = time.Time{} }, false},
		"a wrong from":      {func(e *flow.Event) { e.From = flow.StateTimeWait + 1 }, false},
		"a wrong to":        {func(e *flow.Event) { e.To = flow.StateTimeWait + 1 }, false},
		"a reply":           {func(e *flow.Event) { e.Direction = flow.Reply }, true},
		"a third direction": {func(e *flow.Event) { e.Direction = flow.Reply + 1 }, false},
		"the last reason":   {func(e *flow.Event) { e.Reason = flow.ReasonReset }, true},
		"no reason beyond":  {func(e *flow.Event) { e.Reason = flow.ReasonReset + 1 }, false},
		"no address":        {func(e *flow.Event) { e.Tuple = flow.Tuple{} }, false},
		"lost, no address":  {func(e *flow.Event) { e.Type, e.Tuple = flow.EventLost, flow.Tuple{} }, true},
	} {
		e := &flow.Event{Time: start, Type: flow.EventUpdate, Tuple: tuple()}
		c.change(e)
		if got := ValidEvent(e); got != c.want {
			t.Errorf("an event, %s, is valid: %t", name, got)
		}
	}
}

// TestPlayerKeepsTheLatest takes more events than are kept.
func TestPlayerKeepsTheLatest(t *testing.T) {
	var p Player
	var told int
	tell := func(*flow.Event) error {
		told++
		return nil
	}
	for i := range 2*keptEvents + 1 {
		e := &flow.Event{Time: start.Add(time.Duration(i)), ID: flow.ID(i + 1)}
		if err := p.take(Item{Event: e}, tell); err != nil {
			t.Fatal(err)
		}
		if i == 2*keptEvents-1 && len(p.events) != 2*keptEvents {
			t.Errorf("%d events are kept before some go", len(p.events))
		}
	}
	events, next := p.Events(0)
	if len(events) != keptEvents+1 || events[0].ID != keptEvents+1 || next != 2*keptEvents+1 || told != 2*keptEvents+1 {
		t.Errorf("%d events from %d on, next %d, %d told", len(events), events[0].ID, next, told)
	}
	for after, want := range map[uint64]int{next: 0, next + 5: 0, next - 1: 1, next - keptEvents - 1: keptEvents + 1} {
		if events, _ := p.Events(after); len(events) != want {
			t.Errorf("%d events after %d, want %d", len(events), after, want)
		}
	}
	if !p.Now().Equal(start.Add(2 * keptEvents)) {
		t.Errorf("it is %s", p.Now())
	}
	// A snapshot that is older than the latest event does not turn the clock back.
	if err := p.take(Item{Snapshot: &flow.Snapshot{Time: start}}, tell); err != nil || !p.Now().Equal(start.Add(2*keptEvents)) || p.Snapshot() == nil {
		t.Errorf("it is %s, error %v", p.Now(), err)
	}
	failed := errors.New("enough")
	if err := p.take(Item{Event: &flow.Event{Time: start}}, func(*flow.Event) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("error %v", err)
	}
	if err := p.take(Item{Event: &flow.Event{Time: start}}, nil); err != nil {
		t.Error(err)
	}
}

func TestWait(t *testing.T) {
	var s steering
	s.begin(1000)
	for _, d := range []time.Duration{0, -time.Hour, time.Millisecond, time.Second} {
		if !s.wait(t.Context(), start, start.Add(d)) {
			t.Errorf("%s is waited for in vain", d)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s.wait(ctx, start, start.Add(time.Hour*1000)) {
		t.Error("an hour passed at once")
	}
}

func TestComplete(t *testing.T) {
	s := &flow.Snapshot{}
	if complete(s); len(s.Interfaces) != 2 || len(s.Stalled) != 2 {
		t.Errorf("%d interfaces, %d stalled", len(s.Interfaces), len(s.Stalled))
	}
	s = &flow.Snapshot{Interfaces: make([]flow.Interface, 1), Stalled: []bool{true}}
	if complete(s); len(s.Interfaces) != 1 || !s.Stalled[0] {
		t.Errorf("%+v", s)
	}
}
