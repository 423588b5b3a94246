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

// What was never there before has a sign, and is told once.
func TestFirstSeen(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(5))
	flows := flowsUpTo(5)
	flows[0].Holding.First = true
	s := snapshotOf(c.now.Add(time.Second), flows)
	s.News = []flow.News{{Number: 1, Time: start.Add(-time.Minute), Text: "first seen: old"}, {Number: 2, Time: start, Text: "first seen: nginx"}}
	c.source.snapshot = s
	c.pass(time.Second)
	c.shows("▌+tcp")
	c.press("/", "first-seen", "enter")
	c.shows("1/5")
	c.press("enter")
	c.shows("It is the first with this port, network or address; the events say which.")
	c.press("esc", "2")
	c.pass(time.Second)
	c.press("esc")
	if got := strings.Count(c.m.View(), "first seen:"); got != 2 {
		t.Errorf("%d lines:\n%s", got, c.m.View())
	}
}
