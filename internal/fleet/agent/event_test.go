package agent

import (
	"strconv"
	"testing"
	"time"

	"ctop/internal/fleet"
)

// A view goes on where it was if its console was away for a short time, and begins afresh after
// a longer one. Nobody is told anything meanwhile.
func TestEarsGoOn(t *testing.T) {
	l := leases[*ear]{remembered: remembered}
	end := uint64(7)
	w := fleet.Watch{Kind: fleet.WatchEvents, View: fleet.View{Filter: "dport:443"}}
	began := time.Now()
	at := func(d time.Duration) *ear {
		t.Helper()
		list, _ := l.alive(began.Add(d))
		if len(list) == 0 {
			return nil
		}
		return list[0].of
	}
	listen := func(d time.Duration) bool {
		now := began.Add(d)
		return l.renew(w.Name(), holder{}, now, func() (*ear, error) { return newEar(w.Filter, now, end) })
	}
	renew := func(d time.Duration) {
		t.Helper()
		if !listen(d) {
			t.Fatal("there is no room")
		}
	}
	renew(0)
	first := at(time.Second)
	if first == nil || first.next != 7 {
		t.Fatalf("%+v", first)
	}
	end = 100
	if at(fleet.Lease+time.Second) != nil {
		t.Error("it listens without a lease")
	}
	renew(fleet.Lease + remembered - time.Second)
	if again := at(fleet.Lease + remembered); again != first || again.next != 7 {
		t.Errorf("after a short time it is %+v", again)
	}
	long := 3 * (fleet.Lease + remembered)
	at(long)
	renew(long)
	if fresh := at(long); fresh == first || fresh.next != 100 || fresh.since == first.since {
		t.Errorf("after a long time it is %+v", fresh)
	}
	for i := range 2 * maxLeases {
		w.Filter = "dport:" + strconv.Itoa(i)
		listen(long)
	}
	if len(l.held) != maxLeases {
		t.Errorf("%d views", len(l.held))
	}
}
