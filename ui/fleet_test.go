package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/hosts"
	"ctop/ui/internal/fake"
)

// fakeFleet is a fleet that notes what it was asked to show.
type fakeFleet struct {
	*fakeSource
	asked []string
	// listens is set while events are wanted, heard is the last filter of them.
	listens bool
	heard   string
	// groups are those that were asked for by name, slow is set until hosts answer.
	groups [][]order.GroupKey
	slow   bool
	// summed counts how often hosts were asked for their sums.
	summed int
	state  FleetState
}

func (f *fakeFleet) Show(filter, by string) {
	if view := filter + " by " + by; len(f.asked) == 0 || f.asked[len(f.asked)-1] != view {
		f.asked = append(f.asked, view)
	}
}

func (f *fakeFleet) Listen(filter string, on bool) {
	f.listens = on
	if on {
		f.heard = filter
	}
}

func (f *fakeFleet) Talk(r order.GroupRequest, asked []order.GroupKey) (order.Groups, int, bool) {
	f.groups = append(f.groups, asked)
	var parts []order.Part
	for i := range 2 {
		s := *f.snapshot
		s.Flows = s.Flows[i*len(s.Flows)/2 : (i+1)*len(s.Flows)/2]
		r.Snapshot = &s
		parts = append(parts, order.FirstGroups(r, 20, asked))
	}
	return order.Together(r, parts, asked), 2, !f.slow
}

func (f *fakeFleet) Summaries() (list []Summary, settled bool) {
	f.summed++
	for i, name := range []string{"core-2", "edge-1"} {
		s := *f.snapshot
		s.Flows = s.Flows[i*len(s.Flows)/3:]
		s.Uptime, s.Counters = time.Hour, flow.Counters{Packets: 1000, Invalid: 7, EventsLost: uint64(3 - 3*i), TableFull: uint64(17 * i)}
		if i == 1 {
			s.Timeouts[flow.ICMP] = 7 * time.Second
			s.Warnings = flow.Warnings{{Kind: flow.WarningTable, Numbers: []int{98}}}
		}
		list = append(list, Summary{Host: name, Summary: order.Summarize(&s)})
	}
	return list, !f.slow
}

func (f *fakeFleet) State() FleetState { return f.state }

// A console of a fleet says which flows it shows, has a column and a page of the hosts, and
// shows hosts that are gone.
func TestFleetConsole(t *testing.T) {
	fleet := &fakeFleet{state: FleetState{
		Flows: 9000, Matching: 120,
		Hosts: []Host{
			{Name: "edge-1", State: "here", Age: time.Second, Version: "1.0", Place: "eth0", Flows: 8000, MaxFlows: 65536},
			{Name: "edge-2", State: "gone", Age: time.Hour, Version: "1.0", Place: "eth1", Flows: 1000, MaxFlows: 65536, Alarms: []string{"full"}},
		},
	}}
	c := newConsole(t, 140, 14, fake.Flows(2), WithFleet(fleet))
	fleet.fakeSource = c.source
	s := *c.source.snapshot
	s.Host = "fleet main"
	s.Interfaces = []flow.Interface{{Name: "eth0", Host: "edge-1"}, {Name: "eth1", Host: "edge-2"}}
	c.source.snapshot = &s
	c.pass(time.Second)
	screen := c.m.View()
	for _, want := range []string{"fleet main", "1 host", "120 of 9,000 flows match", "1 host not here", "HOST", "edge-1", "[1 Flows]  2 Events   3 Talkers   4 Overview   5 Timeouts   6 Hosts"} {
		if !strings.Contains(screen, want) {
			t.Errorf("no %q in\n%s", want, screen)
		}
	}
	if !strings.Contains(screen, "2 shown") {
		t.Errorf("it does not say how many rows it has:\n%s", screen)
	}
	c.press("p")
	c.pass(time.Second)
	for _, k := range []string{"m", "M", "w", "W", "p"} {
		c.press(k)
		if said := c.m.View(); strings.Contains(said, "marked") || strings.Contains(said, "came") || strings.Contains(said, "capturing") {
			t.Errorf("%s tells of all flows, or of packets, where there are neither:\n%s", k, said)
		}
	}
	if strings.Contains(screen, "down") {
		t.Errorf("it shows what a fleet does not have:\n%s", screen)
	}
	c.press("6")
	screen = c.m.View()
	for _, want := range []string{"edge-2           gone    1h00m", "! full", "1 not here"} {
		if !strings.Contains(screen, want) {
			t.Errorf("no %q in\n%s", want, screen)
		}
	}
	fleet.state.Matching = fleet.state.Flows
	c.pass(time.Second)
	if screen = c.m.View(); strings.Contains(screen, "match") || !strings.Contains(screen, "  9,000 flows  ") {
		t.Errorf("it counts matches without a filter:\n%s", screen)
	}
	fleet.state.Flows, fleet.state.Matching, fleet.state.Asking = 0, 0, true
	c.press("down", "enter")
	if screen = c.m.View(); strings.Contains(screen, "0 of 0") || !strings.Contains(screen, "  asking  ") {
		t.Errorf("it says what no host has said:\n%s", screen)
	}
	empty := s
	empty.Flows, empty.Time = nil, s.Time.Add(time.Second)
	c.source.snapshot = &empty
	c.pass(time.Second)
	if screen = c.m.View(); strings.Contains(screen, "0 of 0") || !strings.Contains(screen, "asking 1 host") || strings.Contains(screen, "first packet") {
		t.Errorf("it says what no host has said:\n%s", screen)
	}
	c.pass(time.Second)
	if last := fleet.asked[len(fleet.asked)-1]; !strings.HasPrefix(last, "on:edge-2 by ") {
		t.Errorf("it asked for %q", fleet.asked)
	}
	if h := (&hosts.Host{State: "left"}); h.Here() {
		t.Error("a host that has left is here")
	}
}

// The events of a fleet are wanted while their page is open, have the host of each, and the
// log says where it has a gap.
func TestFleetEvents(t *testing.T) {
	fleet := &fakeFleet{}
	c := newConsole(t, 140, 14, fake.Flows(2), WithFleet(fleet))
	fleet.fakeSource = c.source
	c.pass(time.Second)
	if fleet.listens {
		t.Error("events are wanted before anybody looks")
	}
	c.press("2")
	c.pass(time.Second)
	c.shows("nothing has happened since this page was opened")
	if !fleet.listens || fleet.heard != "" {
		t.Errorf("events are wanted: %t, %q", fleet.listens, fleet.heard)
	}
	one, other := destroy(fakeFlow(0), flow.ReasonRST, start), destroy(fakeFlow(3), flow.ReasonClosed, start)
	one.Host, other.Host = "edge-1", "core-2"
	c.source.events = []flow.Event{one, other, {Type: flow.EventLost, Time: start, Lost: 9, Host: "core-2"}}
	c.pass(time.Second)
	c.shows("HOST", "21:04:05.000  edge-1        destroy", "21:04:05.000  core-2        lost 9 events")
	c.press("/", "on:edge-*", "enter")
	c.pass(time.Second)
	c.hides("closed")
	c.shows("edge-1        destroy", "lost 9 events")
	if fleet.heard != "on:edge-*" {
		t.Errorf("%q is wanted", fleet.heard)
	}
	c.press("esc", "1")
	c.pass(time.Second)
	if fleet.listens {
		t.Error("events are wanted though nobody looks")
	}
	c.press("2")
	c.pass(time.Second)
	c.shows("from here on again")
}

// The talkers of a fleet are those of all hosts. Where a host left a part of a group out, the
// page says how much that is at most, and asks for the exact value on request.
func TestFleetTalkers(t *testing.T) {
	fleet := &fakeFleet{state: FleetState{Hosts: []Host{{Name: "a", State: "here"}, {Name: "b", State: "here"}, {Name: "c", State: "here"}}}}
	c := newConsole(t, 140, 14, fake.Flows(200), WithFleet(fleet))
	fleet.fakeSource, fleet.slow = c.source, true
	c.pass(time.Second)
	if fleet.groups != nil {
		t.Error("groups are asked for before anybody looks")
	}
	c.press("3")
	c.shows("asking 3 hosts")
	fleet.slow = false
	c.pass(time.Second)
	c.shows("2 of 3 hosts", "40 groups; others ≤ ", "≤ +", "10.0.0.0")
	line := c.cursor()
	c.press("a")
	if asked := fleet.groups[len(fleet.groups)-1]; len(asked) == 0 || len(asked) > 14 {
		t.Errorf("%d groups are asked for", len(asked))
	}
	c.shows("asking for exact values of")
	if c.cursor() == line || c.cursor() == "" {
		t.Errorf("it shows a bound still: %q", c.cursor())
	}
	c.press("a")
	if c.cursor() != line {
		t.Errorf("it is %q, not %q", c.cursor(), line)
	}
	c.press("a", "b")
	if asked := fleet.groups[len(fleet.groups)-1]; len(asked) != 0 {
		t.Errorf("by something else %d groups are asked for", len(asked))
	}
	asked := len(fleet.groups)
	c.press("1")
	c.pass(time.Second)
	if len(fleet.groups) > asked+1 {
		t.Error("groups are asked for though nobody looks")
	}
}

// TestFleetScreens compares whole screens of a fleet's pages.
func TestFleetScreens(t *testing.T) {
	for name, act := range map[string]func(c *console){
		"flows": func(*console) {}, "events": func(c *console) { c.press("2") }, "talkers": func(c *console) { c.press("3") },
		"exact": func(c *console) { c.press("3", "b", "a") }, "hosts": func(c *console) { c.press("shift+tab") },
		"overview": func(c *console) { c.press("4") }, "timeouts": func(c *console) { c.press("5") },
		"changing": func(c *console) { c.press("t", "G", "up", "enter", "9s", "enter") },
		"help":     func(c *console) { c.press("3", "?") },
	} {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s_%dx%d", name, size[0], size[1]), func(t *testing.T) {
				fleet := &fakeFleet{state: FleetState{Flows: 9000, Matching: 120, Hosts: []Host{
					{Name: "core-2", State: "here", Age: 2 * time.Second, Version: "1.0", Place: "eth0", Flows: 8000, MaxFlows: 65536, Lost: 3},
					{Name: "edge-1", State: "here", Age: time.Second, Version: "1.0", Place: "wan", Flows: 64000, MaxFlows: 65536, Full: 17, Alarms: []string{"table 98 %"}},
					{Name: "edge-3", State: "gone", Age: time.Hour, Version: "0.9", Place: "wan", MaxFlows: 65536},
				}}}
				c := newConsole(t, size[0], size[1], fake.Flows(120), WithFleet(fleet), WithRole("operator"))
				fleet.fakeSource = c.source
				s := *c.source.snapshot
				s.Host = "fleet main"
				s.Interfaces = []flow.Interface{{Name: "eth0", Host: "core-2"}, {Name: "wan", Host: "edge-1"}}
				c.source.snapshot = &s
				c.pass(time.Second)
				act(c)
				one, other := destroy(fakeFlow(0), flow.ReasonRST, start), destroy(fakeFlow(3), flow.ReasonClosed, start)
				one.Host, other.Host = "edge-1", "core-2"
				began := flow.Event{Time: start, Type: flow.EventNew, ID: 9, Tuple: fakeFlow(8).Tuple, To: flow.StateNew, Host: "edge-1"}
				c.source.events = []flow.Event{one, other, {Type: flow.EventLost, Time: start, Lost: 9, Host: "core-2"}, began}
				c.pass(time.Second)
				golden.RequireEqual(t, []byte(c.m.View()))
			})
		}
	}
}

// The overview of a fleet has the sums of its hosts and the worst of them, and hosts are asked
// while somebody looks only.
func TestFleetOverview(t *testing.T) {
	fleet := &fakeFleet{state: FleetState{Hosts: []Host{{Name: "core-2", State: "here"}, {Name: "edge-1", State: "here"}, {Name: "edge-3", State: "gone", Age: time.Hour}}}}
	c := newConsole(t, 140, 40, fake.Flows(120), WithFleet(fleet))
	fleet.fakeSource, fleet.slow = c.source, true
	c.pass(time.Second)
	if fleet.summed > 0 {
		t.Error("hosts are asked before anybody looks")
	}
	fleet.slow = false
	c.press("4")
	c.pass(time.Second)
	c.shows("hosts here      2 of 3", "flows           200 of 131,072", "edge-3 is gone", "edge-1: table 98 %", "ESTABLISHED         80", "events lost     3")
	c.press("1")
	before := fleet.summed
	c.pass(time.Second)
	if fleet.summed > before {
		t.Error("hosts are asked though nobody looks")
	}
}

// The timeouts of a fleet have a line for each value that hosts have, and a change goes to the
// hosts of the line that are here, after a question.
func TestFleetTimeouts(t *testing.T) {
	fleet := &fakeFleet{state: FleetState{Hosts: []Host{{Name: "core-2", State: "here"}, {Name: "edge-1", State: "here"}}}}
	c := newConsole(t, 140, 24, fake.Flows(120), WithFleet(fleet))
	fleet.fakeSource = c.source
	c.pass(time.Second)
	c.press("t")
	c.pass(time.Second)
	c.shows("1 timeout not the same everywhere", "1 host: core-2", "1 host: edge-1", "all hosts")
	c.press("G", "up", "up")
	c.cursorOn("edge-1")
	c.press("enter", "x", "enter")
	c.shows("is not a duration")
	c.press("esc", "enter", "9s", "enter")
	c.shows("icmp: 7s → 9s at 1 host?", "at edge-1")
	c.press("y")
	if got := strings.Join(c.source.timeouts, " "); got != "icmp=9s" {
		t.Errorf("changed %q", got)
	}
	if len(c.source.at) != 1 || c.source.at[0] != "edge-1" {
		t.Errorf("changed at %q", c.source.at)
	}
	c.shows("is now 9s at 1 host")
	c.press("g", "0")
	c.shows("at 2 hosts?", "core-2, edge-1")
	fleet.state.Hosts[0].State = "gone"
	c.press("n")
	c.pass(time.Second)
	c.press("0")
	c.shows("at 1 host?", "not at core-2: not here")
}
