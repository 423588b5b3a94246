package client

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/internal/fleet/link"
	"ctop/internal/order"
	"ctop/tracker/flow"
)

// Reader shows the first flows of every host, as long as it is open. Hosts publish them
// once a second while its lease lives. Its methods are safe for concurrent use.
type Reader struct {
	client   *Client
	listener *Listener
	// summaries and groups are what hosts say of all their flows.
	summaries *newest[order.Summary]
	groups    *newest[order.Part]
	stop      context.CancelFunc
	// name tells its views from those of others.
	name string
	// shown is closed when another view is to be shown.
	woken chan struct{}

	mu   sync.Mutex
	view fleet.View
	sub  *nats.Subscription
	tops map[string]*top
	// index has a place for every interface that was seen, so that flows keep theirs, and
	// places how many each host has. When one has too many, both begin again.
	index  map[place]uint16
	places map[string]int
	full   bool
	begun  time.Time
	// hosts has the host of each flow of the last snapshot, before that of the one before.
	hosts, before map[flow.ID]string
	latest        *flow.Snapshot
	changed       bool
	// looked is the flow that was inspected last.
	looked owner
}

// top is the newest message of a host.
type top struct {
	at      time.Time
	head    fleet.Head
	page    []byte
	decoded *flow.Snapshot
}

const (
	// renew is how often a lease is renewed, and forget how long a silent host's rows
	// are shown.
	renew  = 2 * time.Second
	forget = 5 * time.Second
	// rebegin is how often the places of interfaces may begin again.
	rebegin = time.Minute
	// The limits of what waits to be shown.
	waiting      = 20_000
	waitingBytes = 64 << 20
)

// NewReader returns a reader that shows the busiest flows.
func (c *Client) NewReader(ctx context.Context) (*Reader, error) {
	if err := c.remember(ctx); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	r := &Reader{
		client: c, listener: c.NewListener(ctx), summaries: newNewest(ctx, c, decodeSummary), groups: newNewest(ctx, c, decodeGroups),
		stop: stop, name: rand.Text()[:16], woken: make(chan struct{}, 1), index: map[place]uint16{}, places: map[string]int{},
	}
	r.Show("", "rate:desc")
	go r.keep(ctx)
	return r, nil
}

// Close ends the lease.
func (r *Reader) Close() {
	r.stop()
	r.listener.Close()
}

// Show says which flows are on the screen. What hosts cannot parse, as names of hosts, is
// left to the console.
func (r *Reader) Show(filter, by string) {
	v := fleet.View{Filter: filter, Sort: by, Limit: fleet.MaxTop}
	if _, _, err := v.Parse(); err != nil {
		if v = (fleet.View{Filter: filter, Sort: "rate:desc", Limit: fleet.MaxTop}); !parses(v) {
			v.Filter = ""
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sub != nil && v == r.view {
		return
	}
	if r.sub != nil {
		_ = r.sub.Unsubscribe() // a closed connection hears nothing anyway
	}
	// The rows of before are shown until a host has answered.
	r.view, r.tops, r.changed = v, map[string]*top{}, false
	sub, err := r.client.conn.Subscribe(r.client.space.Top("*", v.Name()), func(m *nats.Msg) { r.take(v, m) })
	if err == nil {
		err = sub.SetPendingLimits(waiting, waitingBytes)
	}
	if err == nil {
		r.sub = sub
	}
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

func parses(v fleet.View) bool {
	_, _, err := v.Parse()
	return err == nil
}

// keep renews the lease until ctx is done.
func (r *Reader) keep(ctx context.Context) {
	tick := time.NewTicker(renew)
	defer tick.Stop()
	for {
		r.mu.Lock()
		v := r.view
		r.mu.Unlock()
		r.client.watch(fleet.Watch{From: r.name, View: v})
		select {
		case <-ctx.Done():
			return
		case <-r.woken:
		case <-tick.C:
		}
	}
}

// take keeps the newest message of a host.
func (r *Reader) take(v fleet.View, m *nats.Msg) {
	head, page, err := fleet.DecodeMessage(m.Data)
	host := r.client.space.Host(m.Subject)
	if err != nil || !link.Published(m) || fleet.CheckName("a host", host) != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if v != r.view || r.tops[host] == nil && len(r.tops) >= fleet.MaxHosts {
		return
	}
	r.tops[host] = &top{at: time.Now(), head: head, page: page}
	r.changed = true
}

// Snapshot returns the first flows of all hosts in one snapshot, nil before the first.
func (r *Reader) Snapshot() *flow.Snapshot { return r.snapshotAt(time.Now()) }

func (r *Reader) snapshotAt(now time.Time) *flow.Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	for host, t := range r.tops {
		if now.Sub(t.at) > forget {
			delete(r.tops, host)
			r.changed = true
		}
	}
	if r.changed {
		r.changed = false
		r.latest = r.merge(now)
	}
	return r.latest
}

// merge makes a snapshot of the newest messages.
func (r *Reader) merge(now time.Time) *flow.Snapshot {
	m := newMerged(r.client.space)
	if r.full && now.Sub(r.begun) > rebegin {
		r.index, r.places, r.begun = map[place]uint16{}, map[string]int{}, now
	}
	m.index, m.places = r.index, r.places
	if len(r.index) > 0 {
		m.snapshot.Interfaces = append(m.snapshot.Interfaces, r.latest.Interfaces...)
	}
	r.before, r.hosts = r.hosts, map[flow.ID]string{}
	for host, t := range r.tops {
		if t.decoded == nil {
			decoded, err := fleet.DecodePage(context.Background(), t.page)
			if err != nil || len(decoded.Flows) > fleet.MaxTop {
				delete(r.tops, host) // its rows are none
				continue
			}
			t.decoded, t.page = decoded, nil
		}
		from := len(m.snapshot.Flows)
		m.add(host, t.decoded, t.head)
		passed := max(now.Sub(t.at), 0)
		for i := from; i < len(m.snapshot.Flows); i++ {
			f := &m.snapshot.Flows[i]
			f.Age, f.Idle = f.Age+passed, f.Idle+passed
			r.hosts[f.ID] = host
		}
		m.snapshot.BPS += t.head.BPS
	}
	m.snapshot.Time = now
	r.full = m.full
	return m.snapshot
}

// Listen begins to listen to the events that pass a filter, or ends it.
func (r *Reader) Listen(filter string, on bool) { r.listener.Listen(filter, on) }

// Events returns the events after a position, each with its host's interface.
func (r *Reader) Events(after uint64) ([]flow.Event, uint64) {
	events, next := r.listener.Events(after)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range events {
		e := &events[i]
		at, known := r.index[place{e.Host, e.Interface}]
		if e.In = at; !known {
			e.In = nowhere
		}
	}
	return events, next
}

// State is what is known of the fleet beside its flows.
type State struct {
	Hosts []Host
	// Flows are all flows of the hosts that publish now, Matching those that match the
	// filter.
	Flows, Matching int
}

// State returns the hosts, and how many flows there are.
func (r *Reader) State() State {
	s := State{Hosts: r.client.Known()}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.tops {
		s.Flows += t.head.Flows
		s.Matching += t.head.Matching
	}
	for i := range s.Hosts {
		s.Hosts[i].Answered = r.tops[s.Hosts[i].Name] != nil
	}
	return s
}

// hostOf returns the host that has a flow, empty if it is not known.
func (r *Reader) hostOf(id flow.ID) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if host := r.hosts[id]; host != "" {
		return host
	}
	if host := r.before[id]; host != "" {
		return host
	}
	return r.listener.hostOf(id)
}
