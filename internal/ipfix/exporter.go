package ipfix

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"ctop/tracker/flow"
)

// DefaultActive is the default of [Options.Active].
const DefaultActive = time.Minute

// Source is the table that long flows are read from.
type Source interface {
	// Part calls visit with the flows at n places of the table from one on, as updates.
	// It reports whether there are places after these.
	Part(from, n int, visit func(*flow.Event)) (more bool, err error)
}

// Options configures an exporter. Source and Collectors are required.
type Options struct {
	Source     Source
	Collectors []Address
	// Active is how often a flow that goes on has a record. 0 means DefaultActive.
	Active time.Duration
	// Domain is the observation domain of all records.
	Domain uint32
	// Interfaces returns the tracker's interfaces.
	Interfaces func() []flow.Interface
	// Process adds the name of the process behind a flow.
	Process bool
	// NAT knows what becomes of the addresses of flows, nil if nothing does.
	NAT Translations
	// Log is required.
	Log *slog.Logger
}

// Translations know what the machine does to the addresses of flows.
type Translations interface {
	// Renew reads them again if it is time.
	Renew() error
	// Of returns the tuple that a flow has behind the translation. It never waits.
	Of(flow.Tuple) (flow.Tuple, bool)
}

// account is what the records of a flow that goes on have told so far.
type account struct {
	volumes [2]volume
	// until is the last packet that they did, and told when the last one was made.
	until, told time.Time
	// pass is the last one that saw the flow.
	pass uint64
}

// Exporter makes records of flows, and sends them to collectors.
type Exporter struct {
	o         Options
	templates []template
	senders   []*sender
	closing   chan struct{}
	sending   sync.WaitGroup
	stop      context.CancelFunc
	// endsIn bounds the end.
	endsIn time.Duration
	// unseen counts flows whose end was seen in the table only: their last record is
	// missing.
	unseen atomic.Uint64

	mu       sync.Mutex
	accounts map[flow.ID]*account
	// others are the translations of flows that go on: the kernel may forget one before
	// its flow ends.
	others map[flow.ID]other
	// elsewhere is what passed at the partner of a pair.
	elsewhere map[flow.ID]elsewhere
	pass      uint64
}

// New returns an exporter. Nothing is sent before [Exporter.Start].
func New(o Options) *Exporter {
	if o.Active <= 0 {
		o.Active = DefaultActive
	}
	e := &Exporter{
		o: o, templates: newTemplates(o.Process, o.NAT != nil), closing: make(chan struct{}), endsIn: finishTime,
		accounts: map[flow.ID]*account{}, others: map[flow.ID]other{}, elsewhere: map[flow.ID]elsewhere{},
	}
	for _, to := range o.Collectors {
		e.senders = append(e.senders, &sender{
			to: to, flows: stream{domain: o.Domain}, refresh: refresh, writeTime: writeTime, templates: e.templates, queue: newQueue(), log: o.Log, closing: e.closing,
		})
	}
	return e
}

// Observe takes an event. It never waits for a collector. The event may be changed
// afterwards.
func (e *Exporter) Observe(event *flow.Event) {
	if event.Type != flow.EventDestroy {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	defer delete(e.elsewhere, event.ID)
	// What the partner has of a flow the partner exports.
	if event.Inherited && (event.Recovered || !e.grown(event)) {
		delete(e.accounts, event.ID)
		delete(e.others, event.ID)
		return
	}
	if event.Recovered {
		// What it had is not known. The numbers tell that its record is missing.
		delete(e.accounts, event.ID)
		delete(e.others, event.ID)
		e.unseen.Add(1)
		for _, s := range e.senders {
			s.queue.skip()
		}
		return
	}
	e.export(event, endReasonOf(event.Reason))
	delete(e.accounts, event.ID)
	delete(e.others, event.ID)
}

// export makes a record of what a flow had since its last one.
func (e *Exporter) export(event *flow.Event, end endReason) {
	r := record{event: event, end: end, volumes: e.passedHere(event), since: event.Time.Add(-event.Age), until: event.Time.Add(-event.Idle)}
	total := r.volumes
	if a := e.accounts[event.ID]; a != nil {
		r.since = a.until
		if r.until.Before(r.since) {
			r.until = r.since
		}
		for d := range r.volumes {
			r.volumes[d] = r.volumes[d].minus(a.volumes[d])
		}
	}
	r.other = e.translated(event)
	e.push(&r)
	if event.Type != flow.EventDestroy {
		e.accounts[event.ID] = &account{volumes: total, until: r.until, told: event.Time, pass: e.pass}
	}
}

// push gives a record to all collectors. It is not even made if none has room for it.
func (e *Exporter) push(r *record) {
	n := r.template()
	queued := queued{template: e.templates[n].id, volume: r.volumes[flow.Origin].plus(r.volumes[flow.Reply])}
	for _, s := range e.senders {
		if !s.queue.hasRoom() {
			s.counts.drop(1, queued.volume)
			continue
		}
		if queued.data == nil {
			e.locate(r)
			queued.data = e.templates[n].put(nil, r)
		}
		s.queue.push(queued)
	}
}

// locate sets the interfaces of a record.
func (e *Exporter) locate(r *record) {
	all, in := e.o.Interfaces(), int(r.event.In)
	if in >= len(all) {
		return
	}
	index := func(i int) uint32 { return uint32(max(all[i].Index, 0)) }
	switch {
	case all[in].Role == flow.RoleWire && len(all) == 2:
		r.ingress, r.egress = index(in), index(1-in)
	case r.event.Outgoing:
		r.egress = index(in)
	default:
		r.ingress = index(in)
	}
}

// Stats returns the counters of each collector.
func (e *Exporter) Stats() []Stats {
	var all []Stats
	for _, s := range e.senders {
		c := &s.counts
		all = append(all, Stats{
			Collector: s.to.String(), Sent: c.sent.Load(), Dropped: c.dropped.Load(),
			Messages: c.messages.Load(), Bytes: c.bytes.Load(), Waiting: s.queue.waiting(), Up: c.up.Load(),
		})
	}
	return all
}

// Unseen returns the number of flows that ended without a record, because events were
// lost.
func (e *Exporter) Unseen() uint64 { return e.unseen.Load() }
