package agent

import (
	"context"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/filter"
	"ctop/internal/fleet"
	"ctop/internal/order"
	"ctop/tracker/flow"
)

// same is how long rows that have not changed are not sent again.
const same = 2 * time.Second

// view is the first flows that some console looks at.
type view struct {
	fleet.View
	filter filter.Filter
	by     order.By
	// sent is the snapshot of which rows were sent last, and at when that was.
	sent *flow.Snapshot
	at   time.Time
}

func newView(v fleet.View) (*view, error) {
	f, by, err := v.Parse()
	return &view{View: v, filter: f, by: by}, err
}

func (a *Agent) takeWatch(m *nats.Msg) {
	w, err := fleet.DecodeWatch(m.Data)
	if err != nil || !a.renew(w, a.space.Watcher(m.Subject), time.Now()) {
		a.failed.Add(1)
	}
}

// renew takes the lease of a console with a key. It reports whether there is room.
func (a *Agent) renew(w fleet.Watch, key string, now time.Time) bool {
	name, by := w.Name(), holder{key, w.From}
	switch w.Kind {
	case fleet.WatchEvents:
		return a.ears.renew(name, by, now, func() (*ear, error) { return newEar(w.Filter, now, a.logEnd()) })
	case fleet.WatchGroups, fleet.WatchSummary:
		return a.sums.renew(name, by, now, func() (*sum, error) { return newSum(w) })
	}
	return a.views.renew(name, by, now, func() (*view, error) { return newView(w.View) })
}

// publishTops publishes the first rows of every view once a second, while there is one,
// and of a new view at once.
func (a *Agent) publishTops(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for all := true; ctx.Err() == nil; {
		list, more := a.views.alive(time.Now())
		if !all {
			list = slices.DeleteFunc(list, func(l *lease[*view]) bool { return l.of.sent != nil })
		}
		if len(list) > 0 && a.client.Load().IsConnected() {
			a.publishViews(list, time.Now())
		}
		select {
		case <-ctx.Done():
		case <-more:
			all = false
		case <-tick.C:
			all = true
		}
	}
}

// publishViews publishes the first rows of some views, unless they are those of before.
func (a *Agent) publishViews(list []*lease[*view], now time.Time) {
	latest := a.Source.Snapshot()
	if latest == nil {
		return
	}
	s := a.named(latest)
	for _, one := range list {
		if one.of.sent == latest && now.Sub(one.of.at) < same {
			continue
		}
		one.of.sent, one.of.at = latest, now
		a.publishTop(s, one.of)
		a.lag.Store(int64(time.Since(s.Time)))
	}
}

func (a *Agent) publishTop(s *flow.Snapshot, v *view) {
	top := order.First(s, v.filter, v.by, v.Limit)
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
	a.publish(a.space.Top(a.name, v.Name()), message)
}

func headOf(s *flow.Snapshot) fleet.Head {
	return fleet.Head{Flows: len(s.Flows), Policy: s.Policy, Timeouts: s.Timeouts, Uptime: s.Uptime}
}
