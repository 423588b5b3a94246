package output_test

import (
	"slices"
	"strings"
	"testing"

	"ctop/cmd/ctop/output"
	"ctop/tracker/flow"
)

// Events of a fleet name their host in every format, and so do those that were lost.
func TestEventsOfFleet(t *testing.T) {
	e := sampleEvents()[0]
	e.Host = "edge-1"
	lost := flow.Event{Type: flow.EventLost, Lost: 7, Host: "edge-2"}
	columns := strings.Split(strings.TrimSpace(output.EventHeader(output.CSV)), ",")
	for _, c := range []struct {
		format     output.Format
		event, gap string
	}{
		{output.JSONL, `"host":"edge-1"`, `{"event":"lost","count":7,"host":"edge-2"}` + "\n"},
		{output.Table, "  edge-1        new  ", "                 edge-2        lost     7 events\n"},
		{output.CSV, ",edge-1,,\n", ",edge-2,,\n"},
	} {
		if got := string(output.AppendEvent(nil, c.format, &e)); !strings.Contains(got, c.event) {
			t.Errorf("no %q in %q", c.event, got)
		}
		got := string(output.AppendEvent(nil, c.format, &lost))
		if c.format == output.CSV {
			if fields := strings.Split(strings.TrimSpace(got), ","); len(fields) != len(columns) || fields[slices.Index(columns, "host")] != "edge-2" {
				t.Errorf("%q has %d fields of %d", got, len(fields), len(columns))
			}
			continue
		}
		if got != c.gap {
			t.Errorf("%q, not %q", got, c.gap)
		}
	}
}
