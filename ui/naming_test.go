package ui

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"ctop/internal/names"
	"ctop/internal/names/geo"
	"ctop/internal/names/geo/geotest"
	"ctop/tracker/flow"
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

// TestOwnNames shows the operator's own names in place of addresses, in the detail with
// where they come from, among the talkers, and says when the file was not read.
func TestOwnNames(t *testing.T) {
	table, err := names.ParseTable("f", []byte("192.168.1.10 web.example.org\n10.0.0.0/16 office"))
	if err != nil {
		t.Fatal(err)
	}
	names.Use(table)
	t.Cleanup(func() { names.Use(nil) })
	c := newConsole(t, 120, 30, flowsUpTo(10))
	c.shows("10.0.0.3:40003")
	c.press("n")
	c.shows("your own names", "office:40003", "web.example.org:https")
	c.press("n", "/", "name:web*", "enter")
	c.shows("10/10")
	c.press("esc", "enter")
	c.shows("name     origin: office (file); reply: web.example.org (file)")
	c.press("esc", "3", "B", "B", "B")
	c.shows("NAME ", "office", "web.example.org", "2 groups")
	c.press("down", "enter")
	c.shows("filter: name:")
	names.Keep(errors.New("f:1: wrong"))
	c.pass(time.Second)
	c.shows("names not read")
	names.Use(table)
	c.pass(time.Second)
	c.hides("names not read")
}

// TestTrafficNames shows the names that the traffic has, with where they come from; finds
// flows by them, and groups talkers by them. One that may be an outer one has a sign.
func TestTrafficNames(t *testing.T) {
	c := newConsole(t, 120, 30, flowsUpTo(10))
	flows := slices.Clone(c.source.snapshot.Flows)
	for i, name := range []flow.ServerName{{Name: "www.example.org", Source: flow.NameSNI}, {Name: "outer.example.net", Source: flow.NameSNIOuter}, {Name: "db.example.org", Source: flow.NameDNS}} {
		flows[i].Server = &name
	}
	s := *c.source.snapshot
	s.Flows, s.Naming = flows, flow.Naming{NoRoom: 3}
	c.source.snapshot = &s
	c.pass(time.Second)
	c.shows("names lost 3")
	c.hides("example.org")
	c.press("n")
	c.shows("www.example.org:https", "outer.example.net?:", "db.example.org:")
	c.press("n", "/", "name:*.example.org", "enter")
	c.shows("2/10")
	c.press("esc", "/", "server:outer*", "enter")
	c.shows("1/10")
	c.press("enter")
	c.shows("reply: outer.example.net (sni?)")
	c.press("esc", "esc", "3", "B", "B", "B")
	c.shows("NAME ", "www.example.org", "outer.example.net", "4 groups")
}

// TestPlaces shows the country and the autonomous system of an end in the detail, and groups
// talkers by them.
func TestPlaces(t *testing.T) {
	atlas := &geo.Atlas{}
	if err := errors.Join(
		atlas.Add("f", geotest.Countries(map[string]string{"192.168.0.0/16": "DE", "10.0.0.0/29": "FR"})),
		atlas.Add("g", geotest.Systems(map[string]geotest.System{"192.168.0.0/16": {Number: 64500, Owner: "Example Org"}})),
	); err != nil {
		t.Fatal(err)
	}
	geo.Use(atlas)
	t.Cleanup(func() { geo.Use(nil) })
	c := newConsole(t, 120, 30, flowsUpTo(20))
	c.press("/", "country:fr", "enter")
	c.shows("8/20")
	c.press("esc", "/", "as:*example*", "enter")
	c.shows("20/20")
	c.press("esc", "enter")
	c.shows("origin: in FR; reply: in DE, AS64500 Example Org")
	c.press("esc", "3", "B")
	c.shows("AS ", "64500 Example Org", "1 group")
	c.press("B")
	c.shows("COUNTRY ", "DE", "FR", "2 groups")
	c.press("enter")
	c.shows("filter: country:DE", "20/20")
}
