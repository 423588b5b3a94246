package collect

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// between is a snapshot of a wire some seconds after a start. left has received, and
// right has sent, so many packets.
func between(after time.Duration, received, sent, tracked uint64) *flow.Snapshot {
	return &flow.Snapshot{
		Time: time.Unix(1000, 0).Add(after), Counters: flow.Counters{Packets: tracked}, Stalled: make([]bool, 2),
		Interfaces: []flow.Interface{
			{Name: "left", Index: 2, Up: true, Virtual: true, Received: received},
			{Name: "right", Index: 3, Up: true, Virtual: true, Sent: sent},
		},
	}
}

// A way is stalled once its interface has received ten packets and the other one has
// sent none for three seconds, and not before; it ends with the first packet sent.
func TestWatchdog(t *testing.T) {
	source := new(fake)
	for name, c := range map[string]struct {
		next *flow.Snapshot
		want string
	}{
		"too soon":       {between(stallAfter-1, 100, 5, 50), ""},
		"too few":        {between(stallAfter, stallPackets-1, 5, 50), ""},
		"something sent": {between(stallAfter, 100, 6, 50), ""},
		"nothing sent":   {between(stallAfter, stallPackets, 5, 50), "nothing passes from left to right: for no reason"},
		"nothing seen":   {between(stallAfter, stallPackets, 5, 0), "nothing passes from left to right: packets do not reach ctop: another program takes them on left"},
	} {
		var w watchdog
		if got := w.watch(source, between(0, 0, 5, 0)); got != nil {
			t.Errorf("%s: at first %q", name, got.Sentences())
		}
		got := w.watch(source, c.next).Sentences()
		if c.want == "" && len(got) == 0 && !c.next.Stalled[0] {
			continue
		}
		if len(got) != 1 || got[0] != c.want || !c.next.Stalled[0] || c.next.Stalled[1] {
			t.Errorf("%s: %q, stalled %v; want %q", name, got, c.next.Stalled, c.want)
		}
		last := between(stallAfter+1, 100, 7, 60)
		if got := w.watch(source, last); got != nil || last.Stalled[0] {
			t.Errorf("%s: after a packet was sent %q", name, got.Sentences())
		}
	}
	watched := between(stallAfter, 100, 5, 50)
	for i := range watched.Interfaces {
		watched.Interfaces[i].Role = flow.RoleWatch
	}
	var w watchdog
	w.watch(source, watched)
	watched.Time = watched.Time.Add(time.Hour)
	watched.Interfaces[0].Received += 100
	if got := w.watch(source, watched); got != nil {
		t.Errorf("of watched interfaces: %q", got.Sentences())
	}
}

// logging is a source whose log is kept.
type logging struct {
	*fake
	text bytes.Buffer
}

func (l *logging) Log() *slog.Logger { return slog.New(slog.NewTextHandler(&l.text, nil)) }

// The log has one line when packets cease to pass, and one when they pass again.
func TestWatchdogLogs(t *testing.T) {
	source := &logging{fake: new(fake)}
	var w watchdog
	for i, step := range []struct {
		next         *flow.Snapshot
		stalls, ends int
	}{
		{between(0, 0, 5, 0), 0, 0},
		{between(stallAfter, 100, 5, 50), 1, 0},
		{between(stallAfter+1, 200, 5, 50), 1, 0},
		{between(stallAfter+2, 200, 6, 50), 1, 1},
		{between(stallAfter+3, 200, 7, 50), 1, 1},
	} {
		w.watch(source, step.next)
		text := source.text.String()
		if stalls, ends := strings.Count(text, "nothing passes"), strings.Count(text, "pass from left to right again"); stalls != step.stalls || ends != step.ends {
			t.Errorf("step %d: %d and %d lines, want %d and %d:\n%s", i, stalls, ends, step.stalls, step.ends, text)
		}
	}
}

// Packets that the policy drops did not have to pass.
func TestWatchdogWithPolicy(t *testing.T) {
	for dropped, stalls := range map[uint64]bool{40: true, 100: true, 101: false, 140: false, 200: false} {
		source := new(fake)
		var w watchdog
		first, next := between(0, 0, 5, 0), between(stallAfter, 100+stallPackets, 5, 50)
		for _, s := range []*flow.Snapshot{first, next} {
			s.Policy = flow.PolicyEnforce
			s.Counters.DroppedBy[flow.DropPolicy] = 7
		}
		next.Counters.DroppedBy[flow.DropPolicy] += dropped
		w.watch(source, first)
		if got := w.watch(source, next); next.Stalled[0] != stalls {
			t.Errorf("with %d dropped of %d: %q", dropped, 100+stallPackets, got.Sentences())
		}
	}
}

// The log has one line when a part begins to fail, and one when it works again.
func TestFaultsAreLoggedOnce(t *testing.T) {
	source := &logging{fake: new(fake)}
	c := &Collector{source: source}
	broken := errors.New("no memory")
	for i, step := range []struct {
		err         error
		fails, ends int
	}{{nil, 0, 0}, {broken, 1, 0}, {broken, 1, 0}, {nil, 1, 1}, {nil, 1, 1}, {broken, 2, 1}} {
		c.fault(partSweep, step.err)
		text := source.text.String()
		if fails, ends := strings.Count(text, "no memory"), strings.Count(text, "works again"); fails != step.fails || ends != step.ends {
			t.Errorf("step %d: %d and %d lines, want %d and %d:\n%s", i, fails, ends, step.fails, step.ends, text)
		}
	}
}
