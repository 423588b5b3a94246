package ui

import (
	"context"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/hosts"
	"ctop/ui/page"
	"ctop/ui/talkers"
	"ctop/ui/together"
)

// Host is a host of a fleet, as its page shows it.
type Host = hosts.Host

// Fleet is a [Reader] that has a part of the flows of many hosts: the first ones of those
// that the console shows.
type Fleet interface {
	Reader
	// Show says which flows are on the screen, by their filter and order.
	Show(filter, by string)
	// Listen says whether events are wanted, and which.
	Listen(filter string, on bool)
	// Talk groups the flows of all hosts, as [talkers.Fleet] says.
	Talk(r order.GroupRequest, asked []order.GroupKey) (groups order.Groups, hosts int, settled bool)
	// State returns the hosts, and how many flows they have and match.
	State() FleetState
}

// Everywhere is a question for the flows of one conversation.
type Everywhere = page.Everywhere

// Searcher is a [Fleet] that finds the flows of a conversation at all hosts. trouble names
// those that did not answer. It is safe for concurrent use.
type Searcher interface {
	Everywhere(ctx context.Context, of Everywhere) (s *flow.Snapshot, trouble string, err error)
}

// Summary is what a host says of all its flows.
type Summary = together.Summary

// Summarizer is a [Fleet] whose hosts say what they have in all. It is safe for concurrent use.
type Summarizer interface {
	// Summaries returns what the hosts say, by their names, and whether those that are there
	// have had time to say it. Hosts are asked as long as it is called.
	Summaries() (list []Summary, settled bool)
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

// joinFleet gives the pages what they ask the hosts of a fleet.
func (m *root) joinFleet() {
	if m.options.fleet == nil {
		return
	}
	m.frame.Away = m.away
	if s, ok := m.options.fleet.(Searcher); ok {
		m.frame.Everywhere = func(of Everywhere) (*flow.Snapshot, string, error) {
			return s.Everywhere(context.Background(), of)
		}
	}
}

// away says that a host is not there.
func (m *root) away(host string) string {
	for i := range m.fleet.Hosts {
		h := &m.fleet.Hosts[i]
		if h.Name == host && !h.Here() {
			return host + " is " + h.State + ", heard of " + format.Words(h.Age) + " ago"
		}
	}
	return ""
}

// steerFleet returns a function that asks for the flows that are on the screen. It does not
// run on the console's goroutine.
func (m *root) steerFleet() func() FleetState {
	fleet := m.options.fleet
	if fleet == nil {
		return func() FleetState { return FleetState{} }
	}
	wanted, listens := m.wantedOfFleet(), m.listens()
	m.ask(wanted)
	return func() FleetState {
		fleet.Show(wanted.filter, wanted.by)
		fleet.Listen(wanted.filter, listens)
		state := fleet.State()
		state.filter = wanted.filter
		return state
	}
}

// listens reports whether the events of a fleet are on the screen. Hosts tell of none
// otherwise, and the log says so.
func (m *root) listens() bool {
	was := m.listening
	m.listening = m.frame.Tab() == page.Page(m.log)
	if m.listening && !was {
		if m.listened {
			m.frame.Note("from here on again: hosts tell what happens only while this page is open")
		}
		m.listened = true
	}
	return m.listening
}

// takeFleet takes the state of the fleet. What hosts have said of another filter says nothing
// of this one.
func (m *root) takeFleet(s FleetState) {
	m.fleet, m.frame.Asking = s, ""
	m.frame.HostsHere = m.here()
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
	known := func() []Host { return m.fleet.Hosts }
	var ask together.Ask
	if s, ok := m.options.fleet.(Summarizer); ok {
		ask = s.Summaries
	}
	return []page.Tab{
		{Title: "Flows", Page: m.flows},
		{Title: "Events", Page: m.log},
		{Title: "Talkers", Page: talkers.New(m.frame, m.acts, talkers.Options{
			Export: m.options.exportGroups, ExportElsewhere: m.options.elsewhere(ExportFlows), Fleet: m.options.fleet.Talk,
		})},
		{Title: "Overview", Page: together.NewOverview(m.frame, ask, known)},
		{Title: "Timeouts", Key: "t", Page: together.NewTimeouts(m.frame, m.acts, ask, known)},
		{Title: "Hosts", Page: hosts.New(m.frame, known)},
	}
}

// fleetSegments are the header's parts about the fleet.
func (m *root) fleetSegments() []segment {
	here := m.here()
	away := len(m.fleet.Hosts) - here
	match := format.Count(m.fleet.Matching) + " of " + format.Count(m.fleet.Flows) + " flows match"
	if m.frame.FilterText() == "" && m.fleet.Matching == m.fleet.Flows {
		match = format.Plural(m.fleet.Flows, "flow")
	}
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
