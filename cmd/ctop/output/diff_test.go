package output_test

import (
	"bytes"
	"testing"
	"time"

	"ctop/cmd/ctop/output"
	"ctop/internal/diff"
	"ctop/tracker/flow"
)

// TestDiff writes a flow that came, one that went, and two that changed.
func TestDiff(t *testing.T) {
	before, after := sample(true).Snapshot, sample(true).Snapshot
	before.Flows, after.Flows = before.Flows[:3], after.Flows[1:]
	after.Time = after.Time.Add(90 * time.Second)
	before.Flows[1].State, before.Flows[1].Origin.Bytes = flow.StateEstablished, 1<<20
	after.Flows[1].Reply.Packets += 3
	d := output.Diff{
		Before: output.Side{File: "monday\n.json", Snapshot: before}, After: output.Side{File: "-", Snapshot: after},
		Result: diff.Compare(before, after, diff.ByAny),
	}
	d.Rows = d.Result.Rows
	for _, f := range formats() {
		t.Run(f.String(), func(t *testing.T) {
			var b bytes.Buffer
			if err := output.WriteDiff(&b, f, d); err != nil {
				t.Fatal(err)
			}
			golden(t, "diff."+f.String(), b.Bytes())
		})
	}
	golden(t, "diff.summary", []byte(output.DiffSummary(d)+"\n"))
	after.Time, d.Rows = time.Time{}, nil
	golden(t, "diff.undated", []byte(output.DiffSummary(d)+"\n"))
}

// Snapshots between which nothing happened, or no bytes passed, are summed up so.
func TestDiffOfLittle(t *testing.T) {
	for name, c := range map[string]struct {
		change func(before, after *flow.Snapshot)
		want   string
	}{
		"nothing":             {func(_, _ *flow.Snapshot) {}, "nothing differs: 3 flows stayed the same, in 1 minute 30 seconds"},
		"one":                 {func(b, a *flow.Snapshot) { b.Flows, a.Flows = b.Flows[:1], a.Flows[:1] }, "nothing differs: 1 flow stayed the same, in 1 minute 30 seconds"},
		"no flows":            {func(b, a *flow.Snapshot) { b.Flows, a.Flows = nil, nil }, "nothing differs: neither snapshot has a flow, in 1 minute 30 seconds"},
		"without a beginning": {func(b, _ *flow.Snapshot) { b.Time = time.Time{} }, "nothing differs: 3 flows stayed the same"},
		"without an end":      {func(_, a *flow.Snapshot) { a.Time = time.Time{} }, "nothing differs: 3 flows stayed the same"},
		"a state":             {func(_, a *flow.Snapshot) { a.Flows[0].State = flow.StateFinWait1 }, "0 came, 0 went, 1 changed, 2 stayed the same, no bytes in between, in 1 minute 30 seconds"},
	} {
		before, after := sample(true).Snapshot, sample(true).Snapshot
		before.Flows, after.Flows = before.Flows[:3], after.Flows[:3]
		after.Time = before.Time.Add(90 * time.Second)
		c.change(before, after)
		d := output.Diff{Before: output.Side{Snapshot: before}, After: output.Side{Snapshot: after}, Result: diff.Compare(before, after, diff.ByAny)}
		d.Rows = d.Result.Rows
		if got := output.DiffSummary(d); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
