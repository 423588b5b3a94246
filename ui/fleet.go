package ui

import (
	"ctop/internal/format"
	"ctop/ui/hosts"
	"ctop/ui/page"
)

// Host is a host of a fleet, as its page shows it.
type Host = hosts.Host

// Fleet is a [Reader] that has a part of the flows of many hosts: the first ones of those
// that the console shows.
type Fleet interface {
	Reader
	// Show says which flows are on the screen, by their filter and order.
	Show(filter, by string)
	// State returns the hosts, and how many flows they have and match.
	State() FleetState
}

// FleetState is what a console shows of a fleet beside its flows.
type FleetState struct {
	Hosts           []Host
	Flows, Matching int
	// Asking is set until a host has answered what is shown.
	Asking bool
	// filter is what the hosts were asked for.
	filter string
}

// WithFleet makes the console one of many hosts. It has the flows and the hosts: what
// needs all flows or all events of a host is on the host.
func WithFleet(f Fleet) Option {
	return func(o *options) { o.fleet = f }
}

// steerFleet returns a function that asks for the flows that are on the screen. It does not
// run on the console's goroutine.
func (m *root) steerFleet() func() FleetState {
	fleet := m.options.fleet
	if fleet == nil {
		return func() FleetState { return FleetState{} }
	}
	filter, by := m.frame.FilterText(), m.flows.Order().String()
	return func() FleetState {
		fleet.Show(filter, by)
		state := fleet.State()
		state.filter = filter
		return state
	}
}

// takeFleet takes the state of the fleet. What hosts have said of another filter says nothing
// of this one.
func (m *root) takeFleet(s FleetState) {
	m.fleet, m.frame.Asking = s, ""
	if m.options.fleet != nil && s.Asking {
		m.frame.Asking = "asking " + format.Plural(m.here(), "host")
	}
}

// here counts the hosts that are there.
func (m *root) here() (n int) {
	for i := range m.fleet.Hosts {
		if m.fleet.Hosts[i].Here() {
			n++
		}
	}
	return n
}

// fleetTabs are the pages of a fleet.
func (m *root) fleetTabs() []page.Tab {
	return []page.Tab{
		{Title: "Flows", Page: m.flows},
		{Title: "Hosts", Page: hosts.New(m.frame, func() []Host { return m.fleet.Hosts })},
	}
}

// fleetSegments are the header's parts about the fleet.
func (m *root) fleetSegments() []segment {
	here := m.here()
	away := len(m.fleet.Hosts) - here
	match := format.Count(m.fleet.Matching) + " of " + format.Count(m.fleet.Flows) + " flows match"
	if m.fleet.Asking || m.fleet.filter != m.frame.FilterText() {
		match = "asking"
	}
	list := []segment{
		{text: format.Plural(here, "host"), rank: 2},
		{text: match, rank: 3},
		{text: format.Right(format.Unit(m.frame.Latest.BPS, "b/s"), 9), rank: 5, right: true},
	}
	if away > 0 {
		list = append(list, segment{text: format.Plural(away, "host") + " not here", style: m.frame.Theme.Alert, rank: 1, right: true})
	}
	return list
}
