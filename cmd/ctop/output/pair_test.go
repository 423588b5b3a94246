package output_test

import (
	"strings"
	"testing"
	"time"

	"ctop/cmd/ctop/output"
	"ctop/tracker/flow"
)

// The document says how far a pair knows each other's flows, where there is one.
func TestPair(t *testing.T) {
	v := sample(false)
	var b strings.Builder
	write := func() string {
		b.Reset()
		if err := output.WriteSnapshot(&b, output.JSON, v); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if text := write(); strings.Contains(text, `"pair"`) {
		t.Error(text)
	}
	v.Pair = flow.Pair{State: flow.PairInSync, Partner: "gate-2", Lag: 1500 * time.Microsecond}
	want := "    \"pair\": {\n      \"state\": \"in_sync\",\n      \"partner\": \"gate-2\",\n      \"lag_s\": 0.0015\n    }\n"
	if text := write(); !strings.Contains(text, want) {
		t.Errorf("%s\nwant %s", text, want)
	}
}
