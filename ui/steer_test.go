package ui

import (
	"testing"
	"time"

	"ctop/ui/internal/fake"
)

// Hosts are asked for a filter once it has settled, not for every letter, and looked at often
// while they answer.
func TestFleetIsAskedSoon(t *testing.T) {
	fleet := &fakeFleet{state: FleetState{Hosts: []Host{{Name: "edge-1", State: "here"}}}}
	c := newConsole(t, 140, 14, fake.Flows(2), WithFleet(fleet), WithInterval(time.Second))
	fleet.fakeSource = c.source
	begins := c.m.generation
	if c.m.pace() != hurry {
		t.Errorf("at first it looks every %s", c.m.pace())
	}
	c.pass(hurried + time.Second)
	if c.m.pace() != time.Second || c.m.generation != begins {
		t.Errorf("later it looks every %s, %d times at once", c.m.pace(), c.m.generation-begins)
	}
	c.press("/", "t", "c", "p")
	if c.m.generation == begins {
		t.Error("a new filter waits for the next look")
	}
	late := c.m.generation - 1
	c.send(tickMsg{late})
	if len(fleet.asked) != 1 {
		t.Errorf("while it is typed it asks for %q", fleet.asked)
	}
	c.send(tickMsg{c.m.generation})
	if last := fleet.asked[len(fleet.asked)-1]; len(fleet.asked) != 2 || last != "tcp by rate:desc" || c.m.pace() != hurry {
		t.Errorf("it asks for %q, and looks every %s", fleet.asked, c.m.pace())
	}
	before := c.m.generation
	c.press("enter", "down")
	if c.m.generation != before {
		t.Error("the same filter is asked for again")
	}
}

// A single host is looked at in the interval, whatever is typed.
func TestSingleHostKeepsItsInterval(t *testing.T) {
	c := newConsole(t, 140, 14, fake.Flows(2), WithInterval(time.Second))
	begins := c.m.generation
	if c.press("/", "t", "c", "p", "enter"); c.m.generation != begins || c.m.pace() != time.Second {
		t.Errorf("it looks %d times at once, and every %s", c.m.generation-begins, c.m.pace())
	}
}
