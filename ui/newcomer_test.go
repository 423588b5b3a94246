package ui

import (
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// Somebody who has never seen the console before, at 80×24, finds the busiest
// flow, its peer and its state, and ends it, within five keys: all of it stands
// on the screen.
func TestNewcomer(t *testing.T) {
	flows := flowsUpTo(200)
	for i := range flows {
		flows[i].Origin.BPS, flows[i].Reply.BPS = float64(i), float64(i)
	}
	// An upload: nearly all of it is in the origin's direction.
	busiest := &flows[100]
	busiest.Origin.BPS, busiest.State = 900e6, flow.StateEstablished
	c := newConsole(t, 80, 24, flows)
	c.publish(flows, time.Second)

	lines := strings.Split(c.m.View(), "\n")
	row := lines[3]
	for _, want := range []string{"▌", "10.0.0.100", "192.168.1.10", "ESTABLISHED", "900 M"} {
		if !strings.Contains(row, want) {
			t.Errorf("no %s in the first row: %q", want, row)
		}
	}
	// There is not room for both of its rates.
	if !strings.Contains(lines[2], "⇄ b/s ▼") {
		t.Errorf("the titles do not say by what it is sorted: %q", lines[2])
	}
	for _, key := range []struct{ says, press string }{{"d delete", "d"}, {"y delete it", "y"}} {
		c.shows(key.says)
		c.press(key.press)
	}
	if len(c.source.deleted) != 1 || c.source.deleted[0].ID != busiest.ID {
		t.Errorf("deleted %v", c.source.deleted)
	}
}
