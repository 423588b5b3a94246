package filter

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ctop/internal/diff"
	"ctop/tracker/flow"
)

// What came, went or changed is known beside a mark, or in a row of a comparison, and nowhere
// else.
func TestChangesOfFlows(t *testing.T) {
	same, changed, came, went := *tcp("10.0.0.1:1", "10.0.0.9:80"), *tcp("10.0.0.1:2", "10.0.0.9:80"), *tcp("10.0.0.1:3", "10.0.0.9:80"), *tcp("10.0.0.1:4", "10.0.0.9:80")
	same.ID, changed.ID, came.ID, went.ID = 1, 2, 3, 4
	before := &flow.Snapshot{Flows: []flow.Flow{same, changed, went}}
	changed.Origin.Packets = 7
	after := &flow.Snapshot{Flows: []flow.Flow{same, changed, came}}
	mark := diff.NewMark(before, diff.ByAny)
	for text, want := range map[string]string{
		"came": "3", "changed": "2", "went": "4", "came or went": "3 4", "!came": "1 2 4", "changed port:80": "2", "changed port:81": "", "": "1 2 3 4", "tcp": "1 2 3 4",
	} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if wants := strings.Contains(text, "c") && text != "tcp" || text == "went"; f.WantsChanges() != wants || (f.CheckAlone() != nil) != wants {
			t.Errorf("%q wants changes: %t, %v", text, f.WantsChanges(), f.CheckAlone())
		}
		var rows []string
		for row := range mark.With(after).Rows() {
			if f.MatchRow(&row, row.Flow()) {
				rows = append(rows, row.Flow().ID.String()[15:])
			}
		}
		if got := strings.Join(slices.Sorted(slices.Values(rows)), " "); got != want {
			t.Errorf("%q: rows %s, want %s", text, got, want)
		}
		beside, alone := f.Since(mark).For(after), f.For(after)
		for i := range after.Flows {
			one := &after.Flows[i]
			if id := one.ID.String()[15:]; beside.Match(one) != strings.Contains(want, id) {
				t.Errorf("%q beside a mark: flow %s is %t", text, id, beside.Match(one))
			}
			if f.WantsChanges() && alone.Match(one) != strings.HasPrefix(text, "!") {
				t.Errorf("%q alone: flow %s is %t", text, one.ID, alone.Match(one))
			}
		}
	}
}

// Whatever a place cannot tell is refused there, with the column of the term.
func TestChecksOfPlaces(t *testing.T) {
	snapshot := &flow.Snapshot{Interfaces: []flow.Interface{{Name: "eth0"}, {Name: "eth1"}}}
	for _, c := range []struct {
		text                                  string
		alone, learned, events, fleet, traces bool // it is refused
		all                                   bool // by Check
	}{
		{"tcp", false, false, false, false, false, false},
		{"tcp came", true, false, true, true, true, true},
		{"tcp first-seen", false, true, true, true, true, true},
		{"tcp on:edge", false, false, true, false, true, false},
		{"tcp rate>1", false, false, true, true, true, false},
		{"tcp if:eth0", false, false, false, false, false, false},
		{"tcp if:eth9", false, false, false, false, false, true},
	} {
		f, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		for what, check := range map[string]struct {
			err     error
			refused bool
		}{
			"alone": {f.CheckAlone(), c.alone}, "learned": {f.CheckLearned(), c.learned}, "all": {f.Check(snapshot), c.all},
			"events": {f.CheckEvents(), c.events}, "events of a fleet": {f.CheckFleetEvents(), c.fleet}, "traces": {f.CheckTraces(), c.traces},
		} {
			if (check.err != nil) != check.refused {
				t.Errorf("%q, %s: %v", c.text, what, check.err)
			}
		}
		if f.WantsRates() != strings.Contains(c.text, "rate") || f.String() != c.text {
			t.Errorf("%q wants rates: %t, is written %q", c.text, f.WantsRates(), f)
		}
	}
}

// Ports that no flow has, and port 0, are no rule for the kernel.
func TestNeedsOfPorts(t *testing.T) {
	for text, want := range map[string]string{
		"dport:443": "443-443", "dport>=65000": "65000-65535", "dport<10": "", "dport:0": "", "dport:0-5": "", "dport:5-9": "5-9", "dport>65535": "",
	} {
		f, err := Parse(text)
		if err != nil {
			continue // it cannot be written
		}
		got := ""
		for _, rule := range f.Needs() {
			if e := rule.Ends[0]; e != (flow.RuleEnd{}) {
				got += fmt.Sprintf("%d-%d", e.Low, e.High)
			}
		}
		if got != want {
			t.Errorf("%s needs %q, want %q", text, got, want)
		}
	}
}
