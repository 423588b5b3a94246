package e2e

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// If packets arrive and none leave, ctop reports it with the cause, and
// withdraws the alarm when packets pass again. The simplest cause is tested
// only with CTOP_CHAOS, since each takes five seconds.
func TestWatchdog(t *testing.T) {
	for _, c := range []struct {
		name       string
		mode       flow.Mode
		harm, mend func(r *rig) error
		cause      string
		plain      bool
	}{
		{"the other end takes no frames from XDP", flow.ModeNative, polling(false), polling(true), "gro of ", false},
		{"the other end is down", flow.ModeTC, linkState("down"), linkState("up"), "the other end of ", false},
		{"the other interface is down", flow.ModeNative, portState("down"), portState("up"), " down", true},
	} {
		if c.plain && !chaos() {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, tracker.Options{Mode: c.mode})
			var wg sync.WaitGroup
			defer wg.Wait()
			ctx, cancel := context.WithCancel(r.ctx)
			defer cancel()
			wg.Go(func() { floods[2].send(ctx, t, r, 1) })
			r.eventually("packets pass", func() bool {
				s := r.collector.Snapshot()
				return s != nil && s.Counters.Packets > 1000
			})
			if said := nothingPasses(r.collector.Snapshot()); said != "" {
				t.Errorf("it says %q", said)
			}
			if err := c.harm(r); err != nil {
				t.Fatal(err)
			}
			// It says so no more if a busy machine sends nothing for a while.
			var s *flow.Snapshot
			r.eventually("it says that nothing passes", func() bool {
				s = r.collector.Snapshot()
				return nothingPasses(s) != ""
			})
			if said := nothingPasses(s); !strings.Contains(said, c.cause) {
				t.Errorf("%q does not say %q", said, c.cause)
			}
			if !s.Stalled[0] || s.Stalled[1] {
				t.Errorf("stalled: %v", s.Stalled)
			}
			if err := c.mend(r); err != nil {
				t.Fatal(err)
			}
			r.eventually("all is well", func() bool { return nothingPasses(r.collector.Snapshot()) == "" })
		})
	}
}

// nothingPasses returns the alarm of a snapshot, if there is one.
func nothingPasses(s *flow.Snapshot) string {
	for _, w := range s.Warnings.Sentences() {
		if strings.HasPrefix(w, "nothing passes ") {
			return w
		}
	}
	return ""
}

func polling(on bool) func(*rig) error {
	return func(r *rig) error { return r.Server.SetOffload(on, lab.GRO) }
}

func linkState(state string) func(*rig) error {
	return func(r *rig) error {
		return r.Server.Command(r.ctx, "ip", "link", "set", r.Server.Link(), state).Run()
	}
}

func portState(state string) func(*rig) error {
	return func(r *rig) error {
		return exec.CommandContext(r.ctx, "ip", "link", "set", r.Server.Port(), state).Run()
	}
}
