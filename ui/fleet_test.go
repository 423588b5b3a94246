package ui

import (
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
	"ctop/ui/hosts"
	"ctop/ui/internal/fake"
)

// fakeFleet is a fleet that notes what it was asked to show.
type fakeFleet struct {
	*fakeSource
	asked []string
	state FleetState
}

func (f *fakeFleet) Show(filter, by string) {
	if view := filter + " by " + by; len(f.asked) == 0 || f.asked[len(f.asked)-1] != view {
		f.asked = append(f.asked, view)
	}
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
	for _, want := range []string{"fleet main", "1 host", "120 of 9,000 flows match", "1 host not here", "HOST", "edge-1", "[1 Flows]  2 Hosts"} {
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
		if said := c.m.View(); strings.Contains(said, "marked") || strings.Contains(said, "came") || strings.Contains(said, "captur") {
			t.Errorf("%s tells of all flows, or of packets, where there are neither:\n%s", k, said)
		}
	}
	if strings.Contains(screen, "down") || strings.Contains(screen, "Talkers") {
		t.Errorf("it shows what a fleet does not have:\n%s", screen)
	}
	c.press("2")
	screen = c.m.View()
	for _, want := range []string{"edge-2           gone    1h00m", "! full", "1 not here"} {
		if !strings.Contains(screen, want) {
			t.Errorf("no %q in\n%s", want, screen)
		}
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
	c.press("t")
	if screen := c.m.View(); strings.Contains(screen, "tcp_established") {
		t.Errorf("a fleet has no timeouts of its own:\n%s", screen)
	}
	if h := (&hosts.Host{State: "left"}); h.Here() {
		t.Error("a host that has left is here")
	}
}
