package ended

import (
	"testing"
	"time"

	"ctop/tracker/flow"
)

var start = time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)

func destroyed(id int, at time.Time) *flow.Event {
	return &flow.Event{
		Type: flow.EventDestroy, ID: flow.ID(id), Time: at, Reason: flow.ReasonRST, From: flow.StateEstablished,
	}
}

func TestEndedFlowsStayForAMoment(t *testing.T) {
	var f Flows
	if !f.Take(destroyed(1, start), start.Add(2*time.Second), false) || !f.Has(1) || f.Has(2) {
		t.Fatal("a flow that has just ended does not stay")
	}
	if f.Take(destroyed(2, start), start.Add(2*time.Second+1), false) || f.Has(2) {
		t.Error("a flow that ended long ago stays")
	}
	if f.Take(destroyed(3, start), start, true) || f.Has(3) {
		t.Error("a flow stays on a paused screen")
	}
	one := f.Recent()[1]
	if one.Reason != flow.ReasonRST || one.Past || one.Flow.State != flow.StateEstablished || len(f.Recent()) != 1 {
		t.Errorf("recent are %+v", f.Recent())
	}

	seen := start.Add(2 * time.Second)
	for _, step := range []struct {
		now, snapshot time.Time
		dropped       bool
	}{
		{seen.Add(2 * time.Second), seen, false},    // not long enough
		{seen.Add(2*time.Second + 1), start, false}, // the snapshot still has it
		{seen.Add(2*time.Second + 1), seen, true},   // long enough
		{seen.Add(3*time.Second + 1), seen, false},  // there is none left
	} {
		if got := f.ForgetRecent(step.now, step.snapshot); got != step.dropped {
			t.Errorf("at %s with a snapshot of %s: dropped %t", step.now.Sub(seen), step.snapshot.Sub(seen), got)
		}
	}
	f.Take(destroyed(4, start), start, false)
	if !f.ForgetRecent(start.Add(time.Minute), time.Time{}) || f.Has(4) {
		t.Error("a flow stays for want of a snapshot")
	}
}

func TestEndedFlowsCanBeFound(t *testing.T) {
	var f Flows
	f.Take(destroyed(1, start), start, false)
	f.Take(destroyed(2, start.Add(-time.Hour)), start.Add(time.Second), false)
	if all := f.All(time.Time{}); len(all) != 2 || all[1].Past || !all[2].Past || all[2].Reason != flow.ReasonRST {
		t.Errorf("all are %+v", all)
	}
	// A paused console does not find what ended since.
	f.ForgetRecent(start.Add(time.Hour), start.Add(time.Hour))
	if all := f.All(start); len(all) != 1 || !all[1].Past {
		t.Errorf("until the pause there are %+v", all)
	}
	if f.ForgetPast(start.Add(5*time.Minute)) || f.Len() != 2 {
		t.Error("forgotten too soon")
	}
	if !f.ForgetPast(start.Add(5*time.Minute+1)) || f.Len() != 1 {
		t.Errorf("%d left, not the second", f.Len())
	}
	if f.ForgetPast(start.Add(5*time.Minute + 1)) {
		t.Error("there was nothing to forget")
	}
}

func TestEndedFlowsAreBounded(t *testing.T) {
	var f Flows
	for i := range 2500 {
		f.Take(destroyed(i+1, start), start, false)
	}
	if got := len(f.Recent()); got != 1000 {
		t.Errorf("%d stay on the screen", got)
	}
	if f.Len() != 2500 {
		t.Fatalf("%d can be found", f.Len())
	}
	f.Take(destroyed(2501, start), start, true)
	if all := f.All(time.Time{}); f.Len() != 2000 || all[501].Flow != nil && all[501].Past || all[2501].Flow == nil {
		t.Errorf("%d can be found", f.Len())
	}
}
