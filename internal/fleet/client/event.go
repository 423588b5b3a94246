package client

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/internal/fleet/link"
	"ctop/tracker/flow"
)

const (
	// keptEvents is how many events are kept for whoever reads them.
	keptEvents = 10_000
	// lostEvery is how often a host's losses become an event.
	lostEvery = 5 * time.Second
)

// Listener hears what happens at the hosts while it is told to listen. Its methods are safe
// for concurrent use.
type Listener struct {
	client *Client
	stop   context.CancelFunc
	woken  chan struct{}
	// came has a value when events came.
	came chan struct{}

	mu    sync.Mutex
	on    bool
	watch fleet.Watch
	sub   *nats.Subscription
	heard map[string]*heard
	// losing are the hosts with losses that are not told yet.
	losing map[string]*heard
	events []flow.Event
	total  uint64
}

// heard is how much was heard of a host.
type heard struct {
	since int64
	total uint64
	known bool
	// lost are the events that were lost and are not told yet, toldAt when some were.
	lost   uint64
	toldAt time.Time
	pace   pace
}

// NewListener returns a listener that hears nothing yet.
func (c *Client) NewListener(ctx context.Context) *Listener {
	ctx, stop := context.WithCancel(ctx)
	l := &Listener{
		client: c, stop: stop, woken: make(chan struct{}, 1), came: make(chan struct{}, 1),
		heard: map[string]*heard{}, losing: map[string]*heard{},
	}
	go l.keep(ctx)
	return l
}

// Close ends the lease.
func (l *Listener) Close() {
	l.stop()
	l.Listen("", false)
}

// Listen begins to listen to the events that pass a filter, or ends it. Hosts that cannot
// parse it hear no filter: the console has its own.
func (l *Listener) Listen(filter string, on bool) {
	w := fleet.Watch{Kind: fleet.WatchEvents, View: fleet.View{Filter: filter}}
	if !parses(w.View) {
		w.Filter = ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if on == l.on && (w == l.watch || !on) {
		return
	}
	if l.sub != nil {
		_ = l.sub.Unsubscribe() // a closed connection hears nothing anyway
		l.sub = nil
	}
	if l.on = on; !on {
		return
	}
	l.watch, l.heard = w, map[string]*heard{}
	sub, err := l.client.conn.Subscribe(l.client.space.Events("*", w.Name()), func(m *nats.Msg) { l.take(w, m) })
	if err == nil {
		err = sub.SetPendingLimits(waiting, waitingBytes)
	}
	if err == nil {
		l.sub = sub
	}
	wake(l.woken)
}

// wake leaves a value in a channel that has room for one.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// keep renews the lease until ctx is done.
func (l *Listener) keep(ctx context.Context) {
	tick := time.NewTicker(renew)
	defer tick.Stop()
	for {
		l.mu.Lock()
		on, w := l.on, l.watch
		l.mu.Unlock()
		if on {
			l.client.watch(w)
		}
		select {
		case <-ctx.Done():
			return
		case <-l.woken:
		case <-tick.C:
		}
	}
}

// take keeps the events of a message. A host that sends more than it may is not decoded: its
// next message says how much that was.
func (l *Listener) take(w fleet.Watch, m *nats.Msg) {
	host, now := l.client.space.Host(m.Subject), time.Now()
	if !link.Published(m) || fleet.CheckName("a host", host) != nil || !l.admit(w, host, now) {
		return
	}
	told, err := fleet.DecodeEvents(m.Data)
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.heard[host]
	if h == nil || w != l.watch {
		return
	}
	h.count(&told)
	if h.lost > 0 {
		l.losing[host] = h
	}
	for i := range told.Events {
		told.Events[i].Host = host
	}
	l.add(told.Events...)
	l.tellLost(now)
}

// count counts what was lost before a message and in it.
func (h *heard) count(told *fleet.Events) {
	lost := told.Lost
	if passed := told.Total - min(h.total, told.Total); h.known && h.since == told.Since {
		lost = passed - min(uint64(len(told.Events)), passed)
	}
	h.lost += min(lost, mostLost)
	h.since, h.total, h.known = told.Since, told.Total, true
}

// mostLost bounds what a host may say that was lost at a time.
const mostLost = 1 << 40

// admit reports whether a host may send another message now.
func (l *Listener) admit(w fleet.Watch, host string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.heard[host]
	if h == nil {
		if w != l.watch || len(l.heard) >= fleet.MaxHosts {
			return false
		}
		h = &heard{}
		l.heard[host] = h
	}
	return h.pace.permits(now)
}

// add adds events to those that are kept.
func (l *Listener) add(events ...flow.Event) {
	l.events = append(l.events, events...)
	l.total += uint64(len(events))
	if over := len(l.events) - keptEvents; over > keptEvents/4 {
		l.events = append([]flow.Event(nil), l.events[over:]...)
	}
	if len(events) > 0 {
		wake(l.came)
	}
}

// tellLost makes events of what was lost, of each host not too often.
func (l *Listener) tellLost(now time.Time) {
	for host, h := range l.losing {
		if now.Sub(h.toldAt) < lostEvery {
			continue
		}
		delete(l.losing, host)
		l.add(flow.Event{Time: now, Type: flow.EventLost, Lost: h.lost, Host: host})
		h.lost, h.toldAt = 0, now
	}
}

// Events returns the kept events after a position, and the position after the last.
func (l *Listener) Events(after uint64) (events []flow.Event, next uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tellLost(time.Now())
	oldest := l.total - uint64(len(l.events))
	after = min(max(after, oldest), l.total)
	return append(events, l.events[after-oldest:]...), l.total
}

// hostOf returns the host of the latest event of a flow, empty if there is none.
func (l *Listener) hostOf(id flow.ID) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.events) - 1; i >= 0; i-- {
		if l.events[i].ID == id && l.events[i].Type != flow.EventLost {
			return l.events[i].Host
		}
	}
	return ""
}

// Events returns the events of all hosts that pass a filter, from now on, until ctx is done.
func (c *Client) Events(ctx context.Context, filter string) iter.Seq2[flow.Event, error] {
	return func(yield func(flow.Event, error) bool) {
		l := c.NewListener(ctx)
		defer l.Close()
		l.Listen(filter, true)
		tick := time.NewTicker(lostEvery)
		defer tick.Stop()
		for after := uint64(0); ; {
			events, next := l.Events(after)
			if missed := next - after - uint64(len(events)); missed > 0 && !yield(flow.Event{Time: time.Now(), Type: flow.EventLost, Lost: missed}, nil) {
				return
			}
			for i := range events {
				if !yield(events[i], nil) {
					return
				}
			}
			after = next
			select {
			case <-ctx.Done():
				return
			case <-l.came:
			case <-tick.C:
				if c.conn.IsClosed() {
					yield(flow.Event{}, errors.New("the connection to the fleet is closed"))
					return
				}
			}
		}
	}
}
