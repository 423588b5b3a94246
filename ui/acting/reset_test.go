package acting

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
)

func TestResetAsks(t *testing.T) {
	f := fake.Flow(0)
	r := newRig(f)
	r.on(&f, "x")
	box := strings.Join(r.Dialog().Box(100, 20), "\n")
	for _, want := range []string{"reset 1 flow?", "tcp 10.0.0.0:40000 → 192.168.1.10:443", "ESTABLISHED", "both ends see: connection reset by peer", "y reset it   N keep it"} {
		if !strings.Contains(box, want) {
			t.Errorf("no %q in\n%s", want, box)
		}
	}
	r.on(&f, "enter")
	r.is(t, "")
	r.on(&f, "x", "y")
	r.is(t, "reset 1 flow", "reset 1 0s")
	if !slices.Equal(r.noted, []string{"reset tcp 10.0.0.0:40000 → 192.168.1.10:443"}) || r.Refreshed != 1 {
		t.Errorf("noted %q, refreshed %d times", r.noted, r.Refreshed)
	}
	r.err, r.done = errors.New("reset: no permission"), flow.Outcome{}
	r.on(&f, "x", "y")
	if r.is(t, "reset: no permission", "reset 1 0s", "reset 1 0s"); len(r.noted) != 1 {
		t.Errorf("noted %q", r.noted)
	}
}

func TestOnlyTCPCanBeReset(t *testing.T) {
	f := fake.Flow(2)
	r := newRig(f)
	r.on(&f, "x")
	if r.is(t, "udp cannot be reset: only TCP can"); r.Dialog() != nil {
		t.Error("it asks")
	}
}

func TestResetMany(t *testing.T) {
	r := newRig(fake.Flows(4)...)
	r.done = flow.Outcome{Done: 2, Gone: 1, NotTCP: 1}
	r.acts.AskResetAll(order.NewSurvey(order.All(r.Latest), func(flow.ID) bool { return true }), "marked")
	box := strings.Join(r.Dialog().Box(100, 20), "\n")
	for _, want := range []string{"reset 4 flows?", "marked", "both ends see: connection reset by peer; 1 not TCP stay"} {
		if !strings.Contains(box, want) {
			t.Errorf("no %q in\n%s", want, box)
		}
	}
	r.on(nil, "y")
	r.is(t, "reset 2 flows, 1 already gone, 1 not TCP, which cannot be reset", "reset 1 2 3 4 0s")
	if !slices.Equal(r.noted, []string{r.Said()}) {
		t.Errorf("noted %q", r.noted)
	}
	r.Hush()
	r.acts.AskResetAll(order.Survey{}, "marked")
	r.is(t, "there is no flow to reset", "reset 1 2 3 4 0s")
	if got := ResetText(flow.Outcome{Unsent: 1, Alive: 2}); got != "reset 0 flows, 1 not reached, 2 still alive" {
		t.Errorf("%q", got)
	}
	const unable = "reset 1 flow; this kernel cannot end sockets (CONFIG_INET_DIAG_DESTROY), so its own ends were sent a RST, too"
	if got := ResetText(flow.Outcome{Done: 1, NoDestroy: true}); got != unable {
		t.Errorf("%q", got)
	}
	watched := fake.Flow(0)
	watched.Tuple.Zone = 1
	if got := ResettingMeans([]flow.Ref{watched.Ref()}); got != "both ends see: connection reset by peer, or aborted on this machine" {
		t.Errorf("%q", got)
	}
}
