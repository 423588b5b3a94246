package agent

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/filter"
	"ctop/internal/fleet"
	"ctop/internal/order"
	"ctop/tracker/flow"
)

// maxLeases is how many views consoles may look at.
const maxLeases = 16

// lease is a view that some console looks at.
type lease struct {
	view   fleet.View
	filter filter.Filter
	by     order.By
	until  time.Time
}

// leases are the views that consoles look at, by their names.
type leases struct {
	mu    sync.Mutex
	views map[string]*lease
	// more is closed when a view is added.
	more chan struct{}
}

// renew takes the lease of a console. It reports whether there is room.
func (l *leases) renew(v fleet.View, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(now)
	name := v.Name()
	if known := l.views[name]; known != nil {
		known.until = now.Add(fleet.Lease)
		return true
	}
	f, by, err := v.Parse()
	if err != nil || len(l.views) >= maxLeases {
		return false
	}
	if l.views == nil {
		l.views = map[string]*lease{}
	}
	l.views[name] = &lease{view: v, filter: f, by: by, until: now.Add(fleet.Lease)}
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
	return true
}

// drop forgets leases that are over.
func (l *leases) drop(now time.Time) {
	for name, one := range l.views {
		if now.After(one.until) {
			delete(l.views, name)
		}
	}
}

// alive returns the leases, and a channel that is closed when there is another one.
func (l *leases) alive(now time.Time) (list []*lease, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(now)
	for _, one := range l.views {
		list = append(list, one)
	}
	if l.more == nil {
		l.more = make(chan struct{})
	}
	return list, l.more
}

func (l *leases) count(now time.Time) int {
	list, _ := l.alive(now)
	return len(list)
}

func (a *Agent) takeWatch(m *nats.Msg) {
	w, err := fleet.DecodeWatch(m.Data)
	if err != nil || !a.leases.renew(w.View, time.Now()) {
		a.failed.Add(1)
	}
}

// publishTops publishes the first rows of every view once a second, while there is one,
// and of a new view at once.
func (a *Agent) publishTops(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for ctx.Err() == nil {
		list, more := a.leases.alive(time.Now())
		if len(list) > 0 && a.client.Load().IsConnected() {
			if s := a.snapshot(); s != nil {
				for _, one := range list {
					a.publishTop(s, one)
				}
				a.lag.Store(int64(time.Since(s.Time)))
			}
		}
		select {
		case <-ctx.Done():
		case <-more:
		case <-tick.C:
		}
	}
}

func (a *Agent) publishTop(s *flow.Snapshot, l *lease) {
	top := order.First(s, l.filter, l.by, l.view.Limit)
	head := headOf(s)
	head.Matching, head.BPS, head.Last = top.Matching, top.BPS, true
	pages, err := fleet.Pages(s, top.Rows)
	if err != nil || len(pages) != 1 {
		a.failed.Add(1)
		return
	}
	message, err := head.Message(pages[0])
	if err != nil {
		a.failed.Add(1)
		return
	}
	a.publish(a.space.Top(a.name, l.view.Name()), message)
}

func headOf(s *flow.Snapshot) fleet.Head {
	return fleet.Head{Flows: len(s.Flows), Policy: s.Policy, Timeouts: s.Timeouts}
}
