package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"ctop/tracker/flow"
)

// paired returns a snapshot of a tracker that has a partner, whose flows every other one is.
func paired(p flow.Pair) *flow.Snapshot {
	s := snapshotOf(start.Add(time.Second), flowsUpTo(12))
	for i := range s.Flows {
		s.Flows[i].Holding.Inherited = i%2 == 0
	}
	s.Pair = p
	s.Warnings = p.Warnings()
	return s
}

var inSync = flow.Pair{State: flow.PairInSync, Partner: "gate-2", Lag: 1230 * time.Microsecond}

// TestPairHeader says in the header how far the trackers of a pair know each other's flows.
func TestPairHeader(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(5))
	c.hides("in sync")
	for _, step := range []struct {
		pair flow.Pair
		want string
	}{
		{inSync, " in sync 1.23 ms "},
		{flow.Pair{State: flow.PairAlone}, " the pair has no partner yet "},
		{flow.Pair{State: flow.PairCatchingUp, Partner: "gate-2"}, " catching up with gate-2 "},
		{flow.Pair{State: flow.PairTelling, Partner: "gate-2"}, " gate-2 is catching up "},
		{flow.Pair{State: flow.PairAway, Partner: "gate-2"}, " gate-2 is silent "},
		{flow.Pair{State: flow.PairStopped, Partner: "gate-2"}, " ctop serve has died"},
		{flow.Pair{State: flow.PairInSync, Partner: "gate-2", Full: true}, " gate-2 has no room for all flows "},
		{flow.Pair{State: flow.PairAway, Partner: "gate-2", Unread: true}, " the partner runs a ctop that this one does not understand "},
	} {
		s := paired(step.pair)
		s.Time = start.Add(time.Second)
		c.source.snapshot = s
		c.pass(time.Second)
		if line, _, _ := strings.Cut(c.m.View(), "\n"); !strings.Contains(line, step.want) {
			t.Errorf("%+v: %q", step.pair, line)
		}
	}
}

// TestPairScreens compares whole screens with flows of the partner.
func TestPairScreens(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 50}} {
		for name, keys := range map[string][]string{"table": nil, "detail": {"enter"}, "filter": {"/", "inherited", "enter"}, "overview": {"4"}} {
			t.Run(fmt.Sprintf("%s_%dx%d", name, size[0], size[1]), func(t *testing.T) {
				c := newConsole(t, size[0], size[1], nil)
				c.source.snapshot = paired(inSync)
				c.pass(time.Second)
				c.press(keys...)
				golden.RequireEqual(t, []byte(c.m.View()))
			})
		}
	}
}
