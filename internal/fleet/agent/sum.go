package agent

import (
	"context"
	"time"

	"ctop/internal/fleet"
	"ctop/internal/order"
	"ctop/tracker/flow"
)

// sumShare is the largest share of a core for sums, as one part of so many.
const sumShare = 50

// sum is what some console wants to know of all flows together.
type sum struct {
	// of makes the message.
	of func(s *flow.Snapshot) ([]byte, error)
	// published is set once it was.
	published bool
}

func newSum(w fleet.Watch) (*sum, error) {
	of, err := sumOf(w)
	return &sum{of: of}, err
}

// sumOf returns what makes the messages of a lease.
func sumOf(w fleet.Watch) (func(s *flow.Snapshot) ([]byte, error), error) {
	if w.Kind == fleet.WatchSummary {
		return func(s *flow.Snapshot) ([]byte, error) { return fleet.EncodeSummary(order.Summarize(s)) }, nil
	}
	r, also, err := w.Groups.Request(w.Filter)
	if err != nil {
		return nil, err
	}
	return func(s *flow.Snapshot) ([]byte, error) {
		r := r
		r.Snapshot = s
		return fleet.EncodeGroups(order.FirstGroups(r, w.Groups.Most, also))
	}, nil
}

// publishSums publishes sums once a second, and of a large table less often, while somebody
// wants them. A new one is published at once.
func (a *Agent) publishSums(ctx context.Context) {
	for all := true; ctx.Err() == nil; {
		list, more := a.sums.alive(time.Now())
		if len(list) == 0 {
			select {
			case <-ctx.Done():
			case <-more:
			}
			continue
		}
		began := time.Now()
		if s := a.snapshot(); s != nil && a.client.Load().IsConnected() {
			began = time.Now() // the snapshot is the collector's
			for _, one := range list {
				if all || !one.of.published {
					a.publishSum(s, one)
				}
			}
		}
		pause := time.NewTimer(restAfter(time.Since(began)))
		select {
		case <-ctx.Done():
		case <-more:
			all = false
		case <-pause.C:
			all = true
		}
		pause.Stop()
	}
}

// restAfter returns when sums are made again that took some time.
func restAfter(took time.Duration) time.Duration { return max(time.Second, sumShare*took) }

func (a *Agent) publishSum(s *flow.Snapshot, one *lease[*sum]) {
	one.of.published = true
	message, err := one.of.of(s)
	if err != nil || len(message) > fleet.MaxPage {
		a.failed.Add(1)
		return
	}
	a.publish(a.space.Sums(a.name, one.name), message)
}
