package replay

import (
	"context"
	"errors"

	"ctop/tracker/flow"
)

// The following methods make a replay a source for consoles, like a
// [collect.Collector]. Its clock stands still.

// Refresh expires flows, delivers events and takes the snapshot that
// [Replay.Snapshot] then returns.
func (r *Replay) Refresh() (*flow.Snapshot, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refresh()
}

func (r *Replay) refresh() (*flow.Snapshot, error) {
	if err := r.sweepAt(r.elapsed); err != nil {
		return nil, err
	}
	s, _, err := r.read()
	if err == nil {
		r.latest.Store(s)
	}
	return s, err
}

// Snapshot returns the latest snapshot, or nil before the first.
func (r *Replay) Snapshot() *flow.Snapshot { return r.latest.Load() }

// Events works like [collect.Collector.Events].
func (r *Replay) Events(after uint64) (events []flow.Event, next uint64) { return r.log.After(after) }

// errNoEnds refuses a reset.
var errNoEnds = errors.New("reset: the connections of a replay have no ends: delete forgets a flow")

// Act works like [kernel.Table.Act]. If it shortens a timeout, it ends the
// flows that have been silent for longer. It refuses a reset.
func (r *Replay) Act(ctx context.Context, act flow.Act) (flow.Outcome, error) {
	if act.Kind == flow.ActReset {
		return flow.Outcome{}, errNoEnds
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	outcome, err := r.table.Act(ctx, act)
	_, failed := r.refresh()
	return outcome, errors.Join(err, failed)
}
