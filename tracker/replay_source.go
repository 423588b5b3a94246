package tracker

import (
	"errors"
	"time"

	"ctop/tracker/flow"
)

// What follows makes a replay a source for consoles, as a [Collector] is one:
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

// Events is [Collector.Events].
func (r *Replay) Events(after uint64) (events []flow.Event, next uint64) { return r.log.after(after) }

// Delete is [Tracker.Delete].
func (r *Replay) Delete(refs ...flow.Ref) (result flow.DeleteResult, err error) {
	err = r.act(func() error {
		result, err = r.tracker.Delete(refs...)
		return err
	})
	return result, err
}

// SetTimeout is [Tracker.SetTimeout]. Flows that have been silent for longer end
// at once.
func (r *Replay) SetTimeout(name flow.TimeoutName, d time.Duration) error {
	return r.act(func() error { return r.tracker.SetTimeout(name, d) })
}

// SetFlowTimeout is [Tracker.SetFlowTimeout].
func (r *Replay) SetFlowTimeout(ref flow.Ref, d time.Duration) error {
	return r.act(func() error { return r.tracker.SetFlowTimeout(ref, d) })
}

// act changes the table and shows what came of it.
func (r *Replay) act(change func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := change()
	_, failed := r.refresh()
	return errors.Join(err, failed)
}
