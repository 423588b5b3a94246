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
