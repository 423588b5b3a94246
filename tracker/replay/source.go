package replay

import (
	"context"
	"errors"

	"ctop/tracker/flow"
)

// What follows makes a replay a source for consoles, as a [collect.Collector] is one:
// the table can be looked at and changed, and its clock stands still.

// Refresh expires what is due, reads what events there are, and takes the
// snapshot that [Replay.Snapshot] returns from then on.
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

// Snapshot returns the latest snapshot, nil before the first.
func (r *Replay) Snapshot() *flow.Snapshot { return r.latest.Load() }

// Events is [collect.Collector.Events].
func (r *Replay) Events(after uint64) (events []flow.Event, next uint64) { return r.log.After(after) }

// Act is [kernel.Table.Act]. A shorter timeout ends flows that have been silent for
// longer at once.
func (r *Replay) Act(ctx context.Context, act flow.Act) (flow.Outcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	outcome, err := r.table.Act(ctx, act)
	_, failed := r.refresh()
	return outcome, errors.Join(err, failed)
}
