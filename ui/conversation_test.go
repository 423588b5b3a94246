package ui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
)

// searched is a fleet whose hosts have an answer.
type searched struct {
	*fakeFleet
	asked   int
	answer  *flow.Snapshot
	trouble string
	err     error
}

func (s *searched) Everywhere(_ context.Context, _ Everywhere) (*flow.Snapshot, string, error) {
	s.asked++
	return s.answer, s.trouble, s.err
}

// met returns a console of two hosts that see the first flow, of which the second one saw
// fewer packets.
func met(t *testing.T, width int) (*console, *searched) {
	t.Helper()
	fleet := &searched{fakeFleet: &fakeFleet{state: FleetState{
		Flows: 3, Matching: 3,
		Hosts: []Host{{Name: "edge-1", State: "here", Age: time.Second}, {Name: "edge-2", State: "here", Age: time.Second}},
	}}}
	c := newConsole(t, width, 24, fake.Flows(2), WithFleet(fleet))
	fleet.fakeSource = c.source
	s := *c.source.snapshot
	s.Host, s.Time = "fleet main", s.Time.Add(time.Second)
	s.Interfaces = []flow.Interface{{Name: "eth0", Host: "edge-1", Uptime: 24 * time.Hour}, {Name: "eth1", Host: "edge-2", Uptime: 24 * time.Hour}}
	flows := append([]flow.Flow(nil), s.Flows...)
	flows[0].In, flows[1].In = 0, 0
	flows[0].Origin.Packets, flows[0].Reply.Packets, flows[0].Age, flows[0].Idle = 1000, 500, time.Minute, 30*time.Second
	there := flows[0]
	there.ID, there.In, there.Tuple = 77, 1, there.Tuple.Reverse()
	there.Origin, there.Reply = there.Reply, there.Origin
	there.Reply.Packets = 900
	s.Flows = append(flows, there)
	c.source.snapshot, fleet.answer = &s, &s
	c.pass(time.Second)
	return c, fleet
}

// A conversation that two hosts see is one row, which unfolds into what each of them sees.
func TestOneRow(t *testing.T) {
	c, _ := met(t, 140)
	c.shows("edge-1 +1 !", "2 shown", "10.0 % of the origin lost, edge-1 > edge-2")
	c.press("g", "u")
	c.shows("row 1/3", "└ edge-2", "edge-1 !")
	c.press("down", "u")
	c.shows("row 1/2")
	c.cursorOn("edge-1 +1 !")
	c.press("G", "u")
	c.shows("only one host shows this flow here")
}

// An act on the row is an act on what stands behind it.
func TestActsOnOneRow(t *testing.T) {
	c, _ := met(t, 140)
	c.press("g", "d")
	c.shows("delete 2 flows?", "one conversation, at edge-1, edge-2")
	c.press("y")
	if n := len(c.source.deleted); n != 2 {
		t.Errorf("%d flows are deleted", n)
	}
	c.source.deleted = nil
	c.press("g", "u", "down", "d")
	c.shows("delete 1 flow?")
	c.press("y")
	if n := len(c.source.deleted); n != 1 || c.source.deleted[0].ID != 77 {
		t.Errorf("%v are deleted", c.source.deleted)
	}
	c.press("g", "u", "space")
	c.shows("2 marked")
	c.press("esc", "D")
	c.shows("delete 3 flows?")
}

// The page of a flow says what every host sees of it, which they are asked for.
func TestHostsOfAFlow(t *testing.T) {
	c, fleet := met(t, 100)
	c.press("g", "enter")
	c.shows("hosts", "edge-1 eth0", "1,000", "edge-2 eth1", "900", "! 100 of 1,000 packets of the origin (10.0 %) were lost between edge-1 and edge-2.")
	for range 4 {
		c.pass(time.Second)
	}
	if fleet.asked != 1 {
		t.Errorf("the hosts are asked %d times in four seconds", fleet.asked)
	}
	fleet.trouble = "1 host did not answer (edge-3)"
	c.pass(2 * time.Second)
	c.shows("did not answer (edge-3).")
	fleet.err = errors.New("no host is there")
	c.pass(6 * time.Second)
	c.shows("not known: no host is there")
	fleet.err, fleet.trouble = nil, ""
	lone := *fleet.answer
	lone.Flows = lone.Flows[:1]
	fleet.answer = &lone
	c.pass(6 * time.Second)
	c.shows("no other host sees it")
}

// A page of a flow says that what it shows is old: its host is gone, or has it no longer.
func TestFlowOfAGoneHost(t *testing.T) {
	c, fleet := met(t, 100)
	c.press("g", "enter")
	empty := *c.source.snapshot
	empty.Flows, empty.Time = nil, empty.Time.Add(time.Second)
	c.source.snapshot, fleet.answer = &empty, &empty
	c.pass(7 * time.Second)
	c.pass(time.Second)
	c.shows("edge-1 has this flow no longer: the last that it said is shown")
	fleet.state.Hosts[0].State, fleet.state.Hosts[0].Age = "gone", 2*time.Minute
	c.pass(time.Second)
	c.shows("edge-1 is gone, heard of 2 minutes ago: the last that it said is shown")
}

// A console of a fleet says on a usual terminal which host has a flow.
func TestFleetAtEightyColumns(t *testing.T) {
	c, _ := met(t, 80)
	c.shows("HOST", "edge-1 +1 !")
	if !strings.Contains(c.m.View(), "STATE") {
		t.Errorf("there is no state:\n%s", c.m.View())
	}
}

// Keys that a fleet does not have say where they are, and the footer does not name them.
func TestKeysOfHosts(t *testing.T) {
	c, _ := met(t, 120)
	for key, want := range map[string]string{
		"w": "packets are captured at edge-1", "W": "packets are captured at edge-1", "[": "the console of edge-1 goes back in time",
		"}": "a fleet shows the present", "m": "the first flows of each host", "M": "the first flows of each host",
	} {
		c.press("g", key)
		c.shows(want)
	}
	c.press("g", "enter")
	c.hides("w capture")
	c.press("w")
	c.shows("packets are captured at edge-1")
}
