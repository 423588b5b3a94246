package acting

import (
	"strings"
	"testing"

	"ctop/tracker/flow"
)

// What deleting means depends on the policy, and on whether flows may have begun elsewhere.
func TestDeletingMeans(t *testing.T) {
	for _, c := range []struct {
		policy flow.Policy
		pair   flow.PairState
		want   string
	}{
		{flow.PolicyObserve, flow.PairNone, "observe:"},
		{flow.PolicyObserve, flow.PairInSync, "observe:"},
		{flow.PolicyEnforce, flow.PairNone, "enforce:"},
		{flow.PolicyEnforce, flow.PairAlone, "enforce:"},
		{flow.PolicyEnforce, flow.PairInSync, "a pair:"},
		{flow.PolicyEnforce, flow.PairAway, "a pair:"},
	} {
		if got := DeletingMeans(&flow.Snapshot{Policy: c.policy, Pair: flow.Pair{State: c.pair}}); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s, %s: %q", c.policy, c.pair, got)
		}
	}
	if got := DeletingMeans(nil); !strings.HasPrefix(got, "observe:") {
		t.Errorf("without a snapshot: %q", got)
	}
}
