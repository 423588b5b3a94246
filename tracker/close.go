package tracker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// Close ends the process's part in the tracker. The last one to use it, unless it
// is to be kept, detaches the programs, puts back what was changed and removes
// the pins; while others use it, it goes on, and one of them becomes its owner.
// Who only joined to read ([Join]) ends nothing. Close may be called more than
// once.
func (t *Tracker) Close() error {
	ended, err := t.close()
	if ended {
		unmountBPFFS()
	}
	return err
}

// close is [Tracker.Close] without the BPF file system: another attempt to attach
// may want that. ended is true where the tracker was ended here and now.
func (t *Tracker) close() (ended bool, err error) {
	t.mu.Lock()
	closed := t.closed
	t.closed = true
	t.mu.Unlock()
	if closed {
		return false, nil
	}
	ends := t.leave()
	var errs []error
	if ends {
		errs = t.remove(true)
	}
	if ends && !unreached(errs) || t.Gone() {
		t.journal.remove()
	}
	for _, l := range t.links {
		if l != nil {
			_ = l.Close()
		}
	}
	if t.unsent != nil {
		_ = t.unsent.Close()
	}
	t.kernel.close()
	t.lease.release()
	t.journal.release()
	site{root: t.root}.close()
	return ends, errors.Join(errs...)
}

// leavePatience is how long to wait for others that leave at the same moment.
const leavePatience = 5 * time.Second

// leave reports whether the tracker is to end with this process. Of several that
// leave at the same moment the last one ends it, though each may have seen that
// another was still there: where nobody is any more, and one that leaves holds the
// lease, it waits for that.
func (t *Tracker) leave() (ends bool) {
	t.presence.release()
	for deadline := time.Now().Add(leavePatience); ; time.Sleep(attachPoll) {
		if t.presence != nil {
			t.mu.Lock()
			t.takeLease() // the owner may have gone a moment ago
			t.mu.Unlock()
		}
		if t.owner() {
			return !t.keep && !t.othersUse() && !t.Gone()
		}
		if t.presence == nil || t.othersUse() || t.Gone() || time.Now().After(deadline) {
			return false
		}
	}
}

// usersDir is what everybody who uses a tracker holds a shared lock on.
const usersDir = "users"

// use notes that this process uses the tracker.
func (t *Tracker) use() {
	if t.dir == "" {
		return
	}
	if l, ok, err := shareLease(filepath.Join(t.dir, usersDir)); err == nil && ok {
		t.presence = l
	}
}

// othersUse reports whether another process uses the tracker.
func (t *Tracker) othersUse() bool {
	if t.dir == "" {
		return false
	}
	l, ok, err := takeLease(filepath.Join(t.dir, usersDir))
	l.release()
	return err == nil && !ok
}

// remove undoes all that attaching did. With leave, settings that it cannot reach
// stay written down for somebody who can.
func (t *Tracker) remove(leave bool) []error {
	if t.dir != "" {
		return removeTracker(t.dir, &t.meta, leave, t.links[:]...)
	}
	changes := t.meta.changesNow()
	errs := slices.Concat(detachAll(t.links[:]), undo(changes))
	if leave && t.journal != nil && unreached(errs) {
		errs = append(errs, t.meta.errLeft())
	}
	return errs
}

// unreached reports whether a setting was not put back because this process cannot
// get there. Another one may.
func unreached(errs []error) bool {
	return errors.Is(errors.Join(errs...), errPeerUnreachable)
}

// errLeft says what to do about settings that were not put back.
func (m *meta) errLeft() error {
	a, b := m.Interfaces[0].Name, m.Interfaces[1].Name
	return flow.Advisedf("some settings were not restored: run \"ctop down %s %s\" as root to restore them", a, b)
}

// removeTracker detaches what is pinned in the directory, and other attachments
// of the same tracker, puts back what was changed for it, and removes it. From
// the removal of the first pin on the tracker is no more, whatever happens here.
// With leave the rest of the pins, which tell what was changed, stays where a
// setting cannot be reached.
func removeTracker(dir string, m *meta, leave bool, more ...attachment) []error {
	changes := m.changesNow() // while a renamed interface can be told by its program
	links, errs := unpinLinks(dir)
	errs = append(errs, detachAll(append(links, more...))...)
	for _, l := range links {
		_ = l.Close()
	}
	errs = append(errs, undo(changes)...)
	if leave && unreached(errs) {
		return append(errs, m.errLeft())
	}
	if err := removePins(dir); err != nil {
		errs = append(errs, err)
	}
	return errs
}

func detachAll(links []attachment) []error {
	var errs []error
	for _, l := range links {
		if l == nil {
			continue
		}
		if err := l.Detach(); err != nil && !errors.Is(err, unix.ENOLINK) {
			errs = append(errs, fmt.Errorf("detach: %w", err))
		}
	}
	return errs
}

// changesNow returns what was changed as it is to be taken back, where the interface
// is still there.
func (m *meta) changesNow() (changes []change) {
	if m == nil {
		return nil
	}
	for _, i := range slices.Backward(m.Interfaces[:]) {
		if l, err := i.link(); err == nil {
			changes = append(changes, changesNow(l, i.Changes)...)
		}
	}
	return changes
}

// Down detaches the tracker that runs between two interfaces, whoever owns it,
// puts back what it changed and removes all that it left.
func Down(_ context.Context, a, b string) error {
	where, found, err := findPair(a, b)
	if err != nil {
		return err
	}
	defer where.close()
	pair := func(m *meta) bool { return m.between(a, b) || m.wasBetween(a, b) }
	if !found {
		if len(clearJournals(pair)) > 0 {
			return nil
		}
		if err := outOfReach(a, b); err != nil {
			return err
		}
		if len(clearJournals(pair)) > 0 { // it was going
			return nil
		}
		return fmt.Errorf("detach from %s and %s: %w", a, b, ErrNotRunning)
	}
	// One of another version can be taken down, too, and what is left of one.
	errs := removeTracker(where.dir, describedAt(where.dir), false)
	clearJournals(pair)
	unmountBPFFS()
	return errors.Join(errs...)
}
