package acting

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
)

func TestTimeouts(t *testing.T) {
	f := fake.Flow(0)
	r := newRig(f)
	r.on(&f, "+")
	r.is(t, "its timeout is now 10d, was 5d", "flow_timeout 1 240h0m0s")
	r.on(&f, "+", "-", "0", "+")
	if got := r.did()[1:]; !slices.Equal(got, []string{"flow_timeout 1 480h0m0s", "flow_timeout 1 240h0m0s", "flow_timeout 1 0s", "flow_timeout 1 240h0m0s"}) {
		t.Errorf("did %q", got)
	}
	if got := r.noted[0]; got != "timeout of tcp 10.0.0.0:40000 → 192.168.1.10:443: 10d" {
		t.Errorf("noted %q", got)
	}
	if got := r.noted[3]; got != "timeout of tcp 10.0.0.0:40000 → 192.168.1.10:443: the default again" {
		t.Errorf("noted %q", got)
	}
	// A newer snapshot has the last word.
	r.Acts = nil
	r.Latest = fake.Snapshot(r.Now.Add(1), []flow.Flow{f})
	r.on(&f, "+")
	r.is(t, "its timeout is now 10d, was 5d", "flow_timeout 1 240h0m0s")
	// The result of the one before comes late.
	r = newRig(f)
	first, _ := r.acts.HandleKey(fake.Keys("+")[0], Flow{Flow: &f})
	second, _ := r.acts.HandleKey(fake.Keys("+")[0], Flow{Flow: &f})
	r.Run(first)
	r.on(&f, "+")
	r.Run(second)
	r.is(t, "its timeout is now 20d, was 10d", "flow_timeout 1 240h0m0s", "flow_timeout 1 960h0m0s", "flow_timeout 1 480h0m0s")
	// Another flow's is its own.
	r = newRig(f)
	other := fake.Flow(3)
	r.on(&other, "+")
	r.is(t, "its timeout is now 4m, was 2m", "flow_timeout 4 4m0s")
	r.Acts = nil
	f.Timeout = 40 * 24 * time.Hour
	r.on(&f, "+")
	r.is(t, "its timeout is now 48d, was 40d", "flow_timeout 1 "+flow.MaxFlowTimeout.String())
	for _, d := range []time.Duration{flow.MaxFlowTimeout, flow.MaxTimeout} {
		r = newRig(f)
		f.Timeout = d
		r.on(&f, "+")
		r.is(t, "a flow's own timeout is at most 48d")
	}
	r.on(&f, "-")
	r.is(t, "its timeout is now 48d, was 3650d", "flow_timeout 1 "+flow.MaxFlowTimeout.String())
}

func TestPin(t *testing.T) {
	f := fake.Flow(0)
	r := newRig(f)
	const stays = "its timeout stays 5d in every state; 0 gives it the default again"
	r.on(&f, "P")
	r.is(t, stays, "flow_timeout 1 120h0m0s")
	r.Hush()
	r.on(&f, "P")
	r.is(t, stays, "flow_timeout 1 120h0m0s")
	r.on(&f, "0")
	r.Acts = nil
	f.OwnTimeout = true // as the last snapshot still shows it
	r.on(&f, "P")
	r.is(t, stays, "flow_timeout 1 120h0m0s")
	r.Latest, r.Acts = fake.Snapshot(r.Now.Add(1), nil), nil
	r.on(&f, "P")
	r.is(t, stays)
}

func TestShorten(t *testing.T) {
	f := fake.Flow(0)
	f.Timeout, f.Idle = time.Minute, 25*time.Second
	r := newRig(f)
	r.Now = r.Now.Add(5*time.Second - 1)
	r.on(&f, "-")
	r.is(t, "its timeout is now 30s, was 1m", "flow_timeout 1 30s")
	r = newRig(f)
	r.Now = r.Now.Add(5 * time.Second)
	r.on(&f, "-")
	if box := strings.Join(r.Dialog().Box(100, 20), "\n"); !strings.Contains(box, "end 1 flow?") || !strings.Contains(box, "silent for longer than 30s") {
		t.Errorf("%s", box)
	}
	r.on(&f, "n")
	r.is(t, "")
	r.on(&f, "-", "y")
	r.is(t, "its timeout is now 30s", "flow_timeout 1 30s")
	r = newRig(f)
	f.Timeout, f.Idle = flow.MinTimeout, 0
	r.on(&f, "-")
	r.is(t, "its timeout is now 1s, was 1s", "flow_timeout 1 1s")
}

// A timeout that some hosts of a fleet have not taken is said to be set at the others.
func TestTimeoutAtSomeHosts(t *testing.T) {
	for _, c := range []struct {
		done int
		err  error
		want string
	}{
		{2, nil, "icmp is now 1m at 2 hosts"},
		{1, errors.New("core-2 is away"), "icmp is now 1m at 1 host, not everywhere: core-2 is away"},
		{0, errors.New("both are away"), "both are away"},
	} {
		r := newRig()
		r.done, r.err = flow.Outcome{Done: c.done}, c.err
		r.Run(r.acts.SetTimeoutAt([]string{"edge-1", "core-2"}, flow.ICMP, time.Minute))
		if r.Said() != c.want || len(r.Acts) != 1 || !slices.Equal(r.Acts[0].Hosts, []string{"edge-1", "core-2"}) {
			t.Errorf("said %q, want %q, did %+v", r.Said(), c.want, r.Acts)
		}
	}
}
