package ui

import (
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// An alert stands in the header while it lasts, and the log says when it began and ended.
func TestAlerts(t *testing.T) {
	c := newConsole(t, 160, 24, flowsUpTo(5))
	show := func(alerts ...flow.Alert) {
		s := snapshotOf(c.now.Add(time.Second), flowsUpTo(5))
		s.Alerts = alerts
		c.source.snapshot = s
		c.pass(time.Second)
	}
	ssh := flow.Alert{Name: "ssh", Filter: "port:22", Began: start.Add(time.Second), Flows: 120, BPS: 3.1e6}
	rung := func() int { return strings.Count(c.out.String(), "\a") }
	show(ssh)
	c.shows("alert ssh: 120 flows, 3.1 Mb/s since 21:04:06")
	if rung() != 0 {
		t.Error("it rings unasked")
	}
	backup := flow.Alert{Name: "backup", Filter: "host:10.0.0.9", Began: start.Add(2 * time.Second), Flows: 1, Bell: true}
	show(ssh, backup)
	show(ssh, backup)
	if rung() != 1 {
		t.Errorf("it rang %d times", rung())
	}
	show(backup)
	c.hides("alert ssh")
	c.press("2")
	c.shows("alert ssh begins: 120 flows, 3.1 Mb/s, port:22", "alert backup begins: 1 flow, 0 b/s, host:10.0.0.9", "alert ssh ends after 3s")
}
