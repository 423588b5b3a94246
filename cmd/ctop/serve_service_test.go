package main

import (
	"testing"
	"time"

	"ctop/tracker/flow"
)

// A snapshot may be ten seconds old, or twenty times as old as reading it took.
func TestHealthy(t *testing.T) {
	now := time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		age, took time.Duration
		want      string
	}{
		{0, 0, ""},
		{10 * time.Second, 0, ""},
		{10*time.Second + 1, 0, "the latest snapshot is 10s old"},
		{10 * time.Second, 500 * time.Millisecond, ""},
		{20 * time.Second, time.Second, ""},
		{20*time.Second + 1, time.Second, "the latest snapshot is 20s old"},
		{19 * time.Second, 900 * time.Millisecond, "the latest snapshot is 19s old"},
	} {
		got := ""
		if err := checkAge(&flow.Snapshot{Time: now.Add(-c.age), Took: c.took}, now); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s old, took %s: %q, not %q", c.age, c.took, got, c.want)
		}
	}
	if err := checkAge(nil, now); err == nil || err.Error() != "no snapshot yet" {
		t.Errorf("without a snapshot: %v", err)
	}
}
