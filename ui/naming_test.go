package ui

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"
)

// TestFilterByNames has names of hosts in a filter while they are shown, and what
// they are not known for is not taken for their opposite.
func TestFilterByNames(t *testing.T) {
	resolver := func(_ context.Context, a netip.Addr) (string, error) {
		switch a.String() {
		case "10.0.0.3":
			return "desk.example", nil
		case "192.168.1.10":
			return "web.example", nil
		}
		return "", errors.New("no such name")
	}
	c := newConsole(t, 120, 24, flowsUpTo(10), WithResolver(resolver))
	c.press("/", "host:desk", "enter")
	c.shows("names work only in a console that shows them")
	c.press("esc", "n", "/", "src:desk", "enter")
	for range 10 { // names are asked for as the screen is drawn
		c.pass(time.Second)
	}
	c.shows("desk.example:40003", "1/10")
	c.hides("10.0.0.4:")
	c.press("esc", "/", "not src host desk.example", "enter")
	for range 10 {
		c.pass(time.Second)
	}
	c.hides("desk.example:40003")
	c.shows("9/10")
	c.press("esc", "/", "~desk.ex", "enter")
	c.shows("desk.example:40003", "1/10")
	c.press("n")
	c.shows("0/10")
}
