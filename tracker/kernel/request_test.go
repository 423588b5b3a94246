package kernel

import (
	"errors"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// A flow's own timeout is at most what the table has room for: a longer one is refused.
func TestLongFlowTimeout(t *testing.T) {
	_, table, _, c := injected(t)
	if err := table.Inject(datagram(false)); err != nil {
		t.Fatal(err)
	}
	read := func() *flow.Flow {
		t.Helper()
		s, err := table.Read(c, nil)
		if err != nil || len(s.Flows) != 1 {
			t.Fatalf("%+v, error %v", s, err)
		}
		return &s.Flows[0]
	}
	f := read()
	for d, want := range map[time.Duration]time.Duration{
		flow.MinTimeout: flow.MinTimeout, flow.MaxFlowTimeout - c.Tick: flow.MaxFlowTimeout - c.Tick, flow.MaxFlowTimeout: flow.MaxFlowTimeout, 0: f.Timeout,
	} {
		err := table.SetFlowTimeout(f.Ref(), d)
		if got := read(); err != nil || got.Timeout != want || got.OwnTimeout != (d != 0) {
			t.Errorf("timeout %s: %s, own %t, error %v, want %s", d, got.Timeout, got.OwnTimeout, err, want)
		}
	}
	for _, d := range []time.Duration{-1, flow.MinTimeout - 1, flow.MaxFlowTimeout + 1, flow.MaxTimeout} {
		var usage *flow.UsageError
		if err := table.SetFlowTimeout(f.Ref(), d); !errors.As(err, &usage) {
			t.Errorf("timeout %s: %v", d, err)
		}
	}
}
