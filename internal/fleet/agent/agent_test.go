package agent

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/internal/fleet/link"
	"ctop/tracker/flow"
)

// still is a tracker of which only the status is known.
type still struct {
	Source
	status *flow.Snapshot
}

func (s still) Status() *flow.Snapshot { return s.status }

func newTestAgent(t *testing.T, s *flow.Snapshot) *Agent {
	t.Helper()
	a, err := New(Options{
		Source: still{status: s}, Version: "1.2",
		Link: link.Options{URL: "nats://127.0.0.1:1", Credentials: &fleet.Credentials{Fleet: "main", Role: fleet.RoleHost, Name: "edge-1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The larger the fleet, the less often a host speaks and the longer all of them take to come
// back: fifty in a second, within bounds.
func TestPaceOfFleets(t *testing.T) {
	a := newTestAgent(t, nil)
	for _, c := range []struct {
		hosts         int64
		every, spread time.Duration
	}{
		{0, oftenest, link.DefaultSpread},
		{1, oftenest, time.Second},
		{50, oftenest, time.Second},
		{100, oftenest, 2 * time.Second},
		{500, oftenest, 10 * time.Second},
		{1000, 20 * time.Second, 20 * time.Second},
		{1250, 25 * time.Second, longestSpread},
		{2000, 40 * time.Second, longestSpread},
		{20_000, rarest, longestSpread},
	} {
		a.hosts.Store(c.hosts)
		if a.every() != c.every || a.spread() != c.spread {
			t.Errorf("%d hosts: every %s, back in %s", c.hosts, a.every(), a.spread())
		}
	}
}

// The number of hosts is taken if it can be one.
func TestSizeIsTaken(t *testing.T) {
	a := newTestAgent(t, nil)
	for _, c := range []struct {
		text string
		want int64
	}{
		{`{"hosts":7}`, 7},
		{`{"hosts":0}`, 7},
		{`{"hosts":-1}`, 7},
		{`{"hosts":1000000}`, 1_000_000},
		{`{"hosts":1000001}`, 1_000_000},
		{`{`, 1_000_000},
		{`{"hosts":8}` + strings.Repeat(" ", 1012), 8},
		{`{"hosts":9}` + strings.Repeat(" ", 1013), 8},
	} {
		if a.takeSize(&nats.Msg{Data: []byte(c.text)}); a.hosts.Load() != c.want {
			t.Errorf("%.20s of %d bytes: %d hosts", c.text, len(c.text), a.hosts.Load())
		}
	}
}

// A heartbeat has what the tracker says, as soon as it says something.
func TestHeartbeat(t *testing.T) {
	a := newTestAgent(t, nil)
	if h := a.heartbeat(); h.Every != 10 || h.Version != "1.2" || h.Max != 0 || h.Started.Nanosecond() != 0 || time.Since(h.Started) > time.Minute {
		t.Errorf("%+v", h)
	}
	s := &flow.Snapshot{
		Time: time.Now().Add(-90 * time.Second), MaxFlows: 9, Uptime: 5*time.Second + 900*time.Millisecond, Policy: flow.PolicyEnforce, Interfaces: []flow.Interface{{Name: "eth0"}},
		Counters: flow.Counters{FlowsCreated: 10, FlowsDestroyed: 3, EventsLost: 4, TableFull: 5, Dropped: 6},
		Warnings: flow.Warnings{{Kind: flow.WarningUsed, Interfaces: []string{"eth0"}, Detail: "has an address"}},
	}
	a = newTestAgent(t, s)
	h := a.heartbeat()
	if h.Place != s.Place() || h.Policy != "enforce" || h.Max != 9 || h.Uptime != 5 || h.Flows != 7 || h.Lost != 4 || h.Full != 5 || h.Dropped != 6 || len(h.Alarms) != 1 || h.Leaving {
		t.Errorf("%+v", h)
	}
	if h.Behind < 90 || h.Behind > 150 {
		t.Errorf("it is %v s behind", h.Behind)
	}
	s.Time, s.Counters.FlowsDestroyed = time.Now().Add(time.Hour), 11 // counters are read one after the other
	if h := a.heartbeat(); h.Behind != 0 || h.Flows != 0 {
		t.Errorf("%+v", h)
	}
}

// An agent needs the credentials of a host and a URL, and says which it has.
func TestNewRefuses(t *testing.T) {
	for url, role := range map[string]fleet.Role{"nats://127.0.0.1:1": fleet.RoleViewer, "://": fleet.RoleHost} {
		_, err := New(Options{Link: link.Options{URL: url, Credentials: &fleet.Credentials{Fleet: "main", Role: role, Name: "bob"}}})
		if err == nil || role == fleet.RoleViewer && !strings.Contains(err.Error(), "those of viewer bob") {
			t.Errorf("%s with %s: %v", url, role, err)
		}
	}
	a := newTestAgent(t, nil)
	if events, next := a.Events(3); len(events) != 0 || next != 0 || !a.Link.Persistent || cap(a.pages) != maxAnswers {
		t.Errorf("%v, %d", events, next)
	}
}

// What was begun is waited for at the end, and nothing is begun after it.
func TestEndWaits(t *testing.T) {
	a := newTestAgent(t, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	if !a.begin() {
		t.Fatal("nothing can be begun")
	}
	ended := make(chan struct{})
	why := errors.New("the end")
	go func() {
		a.end(func() { cancel(why) })
		close(ended)
	}()
	<-ctx.Done()
	if a.begin() {
		t.Error("something is begun after the end")
	}
	select {
	case <-ended:
		t.Error("the end does not wait")
	default:
	}
	a.working.Done()
	<-ended
}

// So many consoles of a key are told apart, and all others are one.
func TestHoldersAreBounded(t *testing.T) {
	l := &lease[int]{holders: map[holder]time.Time{}}
	for i := range 2 * maxHolders {
		l.hold(holder{"ann", strconv.Itoa(i)}, time.Unix(1000, 0))
	}
	if n := len(l.holders); n != maxHolders+1 {
		t.Errorf("%d consoles are told apart", n-1)
	}
}

// Sums that cannot be made or sent are counted.
func TestFailedSums(t *testing.T) {
	a := newTestAgent(t, nil)
	fails := func(*flow.Snapshot) ([]byte, error) { return nil, errors.New("no") }
	long := func(*flow.Snapshot) ([]byte, error) { return make([]byte, fleet.MaxPage+1), nil }
	for i, of := range []func(*flow.Snapshot) ([]byte, error){fails, long} {
		one := &lease[*sum]{of: &sum{of: of}}
		if a.publishSum(nil, one); !one.of.published || a.Stats().Failed != uint64(i+1) {
			t.Errorf("%d failed", a.Stats().Failed)
		}
	}
}

// A host speaks at random times, in the last quarter of the longest time between two heartbeats.
func TestPause(t *testing.T) {
	const every = 40 * time.Second
	least, most := every, time.Duration(0)
	for range 1000 {
		d := pause(every)
		least, most = min(least, d), max(most, d)
	}
	if least < every*3/4 || least > every*8/10 || most >= every || most < every*95/100 {
		t.Errorf("it speaks after %s to %s", least, most)
	}
}

// Sums take a fiftieth of a core at most, and are made once a second at most.
func TestRestOfSums(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{0: time.Second, 20 * time.Millisecond: time.Second, 21 * time.Millisecond: 1050 * time.Millisecond, time.Second: 50 * time.Second} {
		if got := restAfter(took); got != want {
			t.Errorf("after %s it rests for %s", took, got)
		}
	}
}
