package kernel

import "ctop/tracker/flow"

// Namer knows the names of servers.
type Namer interface {
	// Flow returns the name of the server of a flow at a place of the table, or nil.
	Flow(place int, f *flow.Flow) *flow.ServerName
	// Event returns the name of the server of an event's flow, or nil.
	Event(e *flow.Event) *flow.ServerName
}

// SetNamer sets who knows the names of servers.
func (t *Table) SetNamer(n Namer) { t.namer.Store(&n) }

// Places returns how many flows the table can have.
func (t *Table) Places() int { return int(t.objects.flows.MaxEntries()) }

// nameFlow sets the name of the server of a flow at a place.
func (t *Table) nameFlow(place int, f *flow.Flow) {
	if n := t.namer.Load(); n != nil {
		f.Server = (*n).Flow(place, f)
	}
}

func (t *Table) nameEvent(e *flow.Event) {
	if n := t.namer.Load(); n != nil {
		e.Server = (*n).Event(e)
	}
}
