package ui

import (
	"errors"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
)

// F opens the console of the fleet over this one, which goes on meanwhile, and q comes back.
func TestDoor(t *testing.T) {
	fleet := &fakeFleet{fakeSource: &fakeSource{}, state: FleetState{Flows: 7, Matching: 7, Hosts: []Host{{Name: "edge-9", State: "here"}}}}
	there := snapshotOf(start, fake.Flows(7))
	there.Host, there.Interfaces = "fleet main", []flow.Interface{{Name: "eth7", Host: "edge-9"}, {Name: "eth8", Host: "edge-9"}}
	fleet.snapshot = there
	closed := 0
	var trouble error
	var c *console
	open := func() (Room, error) {
		return Room{Reader: fleet, Options: []Option{
			WithFleet(fleet), WithClock(func() time.Time { return c.now }), WithInterval(time.Nanosecond), WithRole("viewer"),
		}, Close: func() { closed++ }}, trouble
	}
	c = newConsole(t, 120, 60, flowsUpTo(3), WithDoor(open))
	c.press("?")
	c.shows("the console of the fleet")
	c.press("esc")
	trouble = errors.New("no server answers there")
	c.press("F")
	c.shows("no server answers there", "5 Timeouts")
	trouble = nil
	c.press("F")
	c.pass(time.Second)
	c.m.room.console.Update(tickMsg{c.m.room.console.generation})
	c.send(tickMsg{c.m.room.console.generation})
	c.shows("fleet main", "Hosts", "edge-9", "viewer")
	c.hides("veth1")
	c.press("2")
	c.shows("[2 ")
	c.press("1", "gd")
	c.shows("what is shown here cannot be changed")
	c.press("q")
	c.shows("5 Timeouts")
	if closed != 1 {
		t.Errorf("the fleet is closed %d times", closed)
	}
	c.press("F")
	c.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("qq")})
	if !c.quit || closed != 2 {
		t.Errorf("quit %t, closed %d times", c.quit, closed)
	}
}
