package output

import (
	"math"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// document is a snapshot without its flows. The order of the fields is the
// order in the output.
type document struct {
	Schema   string          `json:"schema"`
	Time     string          `json:"time"`
	Host     string          `json:"host"`
	Tracker  trackerDocument `json:"tracker"`
	Timeouts timeouts        `json:"timeouts"`
	Counters counters        `json:"counters"`
	// Conversations are those that several hosts of a fleet see.
	Conversations []conversationDocument `json:"conversations,omitempty"`
}

type trackerDocument struct {
	Interfaces []interfaceDocument `json:"interfaces"`
	Policy     string              `json:"policy"`
	Uptime     seconds             `json:"uptime_s"`
	Flows      int                 `json:"flows"`
	MaxFlows   int                 `json:"max_flows"`
	Joined     bool                `json:"joined"`
	Warnings   []string            `json:"warnings"`
	// Alerts are left out where none holds.
	Alerts []alertDocument `json:"alerts,omitempty"`
	// Pair is left out where there is none.
	Pair *pairDocument `json:"pair,omitempty"`
}

type pairDocument struct {
	State   string  `json:"state"`
	Partner string  `json:"partner,omitempty"`
	Lag     seconds `json:"lag_s"`
}

type alertDocument struct {
	Name   string  `json:"name"`
	Filter string  `json:"filter"`
	Began  string  `json:"began"`
	Flows  int     `json:"flows"`
	BPS    float64 `json:"bps"`
}

type interfaceDocument struct {
	Host    string `json:"host,omitempty"`
	Name    string `json:"name"`
	Ifindex int    `json:"ifindex"`
	Mode    string `json:"mode"`
	Use     string `json:"use,omitempty"`
	MTU     int    `json:"mtu,omitempty"`
	// Role is left out for a wire, which was the only one at first.
	Role string `json:"role,omitempty"`
	// In and Out are what a watched interface has seen.
	In     *volumeDocument `json:"in,omitempty"`
	Out    *volumeDocument `json:"out,omitempty"`
	Behind string          `json:"behind,omitempty"`
}

type volumeDocument struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

type counters struct {
	Packets        uint64   `json:"packets"`
	Bytes          uint64   `json:"bytes"`
	New            uint64   `json:"new"`
	Established    uint64   `json:"established"`
	Related        uint64   `json:"related"`
	Invalid        uint64   `json:"invalid"`
	Untracked      uint64   `json:"untracked"`
	Forwarded      uint64   `json:"forwarded"`
	Dropped        uint64   `json:"dropped"`
	FlowsCreated   uint64   `json:"flows_created"`
	FlowsDestroyed uint64   `json:"flows_destroyed"`
	TableFull      uint64   `json:"table_full"`
	Events         uint64   `json:"events"`
	EventsLost     uint64   `json:"events_lost"`
	TableBusy      uint64   `json:"table_busy"`
	DroppedBy      byReason `json:"dropped_by"`
	InvalidBy      byReason `json:"invalid_by"`
	Destroyed      byReason `json:"destroyed"`
	UntrackedBy    byReason `json:"untracked_by"`
	// BadChecksums is left out where nobody looks.
	BadChecksums *uint64 `json:"bad_checksums,omitempty"`
}

func newDocument(v View) document {
	return document{
		Schema:   Schema,
		Time:     string(appendTime(nil, v.Time)),
		Host:     v.Host,
		Tracker:  newTrackerDocument(v),
		Timeouts: timeouts(v.Timeouts),
		Counters: newCounters(v.Snapshot),

		Conversations: newConversations(v),
	}
}

func newTrackerDocument(v View) trackerDocument {
	d := trackerDocument{
		Policy: v.Policy.String(), Uptime: seconds(v.Uptime),
		Flows: len(v.Flows), MaxFlows: v.MaxFlows,
		Joined: v.Joined, Warnings: v.Warnings.Sentences(),
	}
	for _, a := range v.Alerts {
		d.Alerts = append(d.Alerts, alertDocument{a.Name, a.Filter, string(appendTime(nil, a.Began)), a.Flows, math.Round(a.BPS)})
	}
	if p := v.Pair; p.State != flow.PairNone {
		d.Pair = &pairDocument{p.State.String(), p.Partner, seconds(p.Lag)}
	}
	for _, i := range v.Interfaces {
		if i.Followed && i.Index == 0 {
			continue // it may never come back
		}
		is := interfaceDocument{Host: i.Host, Name: i.Name, Ifindex: i.Index, Mode: i.Mode.String(), Use: i.Use, MTU: i.MTU}
		if i.Role != flow.RoleWire {
			is.Role, is.Behind = i.Role.String(), i.Behind
		}
		if i.Role != flow.RoleWire && i.Mode != flow.ModeReplay {
			is.In, is.Out = (*volumeDocument)(&i.In), (*volumeDocument)(&i.Out)
		}
		d.Interfaces = append(d.Interfaces, is)
	}
	return d
}

func newCounters(s *flow.Snapshot) counters {
	c := s.Counters
	d := counters{
		Packets: c.Packets, Bytes: c.Bytes,
		New: c.New, Established: c.Established, Related: c.Related,
		Invalid: c.Invalid, Untracked: c.Untracked,
		Forwarded: c.Forwarded, Dropped: c.Dropped,
		FlowsCreated: c.FlowsCreated, FlowsDestroyed: c.FlowsDestroyed,
		TableFull: c.TableFull, TableBusy: c.TableBusy, Events: c.Events, EventsLost: c.EventsLost,
	}
	if s.Checksums {
		d.BadChecksums = &c.BadChecksums
	}
	for _, reason := range flow.Drops() {
		d.DroppedBy = append(d.DroppedBy, count{reason.String(), c.DroppedBy[reason]})
	}
	for _, reason := range flow.InvalidReasons() {
		d.InvalidBy = append(d.InvalidBy, count{reason.String(), c.InvalidBy[reason]})
	}
	for _, reason := range flow.UntrackedReasons() {
		d.UntrackedBy = append(d.UntrackedBy, count{reason.String(), c.UntrackedBy[reason]})
	}
	for _, reason := range flow.Reasons() {
		d.Destroyed = append(d.Destroyed, count{reason.String(), c.Destroyed[reason]})
	}
	return d
}

// byReason is an object whose members keep their order, as a map's would not.
type byReason []count

type count struct {
	name string
	n    uint64
}

// MarshalJSON writes one member for each reason.
func (r byReason) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, c := range r {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, quote(c.name)...)
		b = append(b, ':')
		b = format.AppendUint(b, c.n)
	}
	return append(b, '}'), nil
}
