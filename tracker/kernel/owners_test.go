package kernel

import (
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker/flow"
	"ctop/tracker/process"
)

// An event has its process and the end at which that is. A burst of events has the process
// as it was first seen, the next burst as it is then.
func TestOwnersOfEvents(t *testing.T) {
	table := &Table{book: process.NewBook()}
	var recent recentOwners
	o := kernelOwner{Control: ownerSure | ownerReply}
	o.Process.Pid = 7
	first := recent.holding(table, &o, true)
	if first.Process == nil || first.Process.PID != 7 || first.End != flow.Reply || first.Listens {
		t.Fatalf("%+v", first)
	}
	table.book = process.NewBook()
	o.Control = ownerListener
	if h := recent.holding(table, &o, false); h.Process != first.Process || h.End != flow.Origin || !h.Listens {
		t.Errorf("in the burst: %+v, want process %p", h, first.Process)
	}
	if h := recent.holding(table, &o, true); h.Process == nil || h.Process == first.Process {
		t.Errorf("in the next burst: %+v, not process %p", h, first.Process)
	}
	o.Control = ownerListener - 1
	if h := recent.holding(table, &o, false); h != (flow.Holding{}) {
		t.Errorf("of nobody: %+v", h)
	}
}

// Only flows that began before the sockets were listed are asked about, with their age then.
func TestCorrectAsksOfOlderFlows(t *testing.T) {
	lab.Require(t)
	k, table, _, c := injectedWith(t, Options{Naming: true})
	if err := table.Inject(datagram(false)); err != nil {
		t.Fatal(err)
	}
	w := &Who{own: k.request} // never runs, since nothing is changed
	for later, want := range map[time.Duration][]time.Duration{-1: nil, 0: nil, 1: {1}, time.Hour: {time.Hour}} {
		var ages []time.Duration
		err := table.Correct(w, c.Ns+uint64(later), func(o *Owned) (*Held, flow.Direction, bool) {
			ages = append(ages, o.Age)
			return nil, 0, false
		})
		if err != nil || len(ages) != len(want) || len(want) > 0 && ages[0] != want[0] {
			t.Errorf("%s later: flows that are %v old, want %v, error %v", later, ages, want, err)
		}
	}
}
