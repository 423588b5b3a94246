package tracker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Close ends the process's part in the tracker. The last one to use it, unless it
// is to be kept, detaches the programs, puts back what was changed and removes
// the pins; while others use it, it goes on, and one of them becomes its owner.
// Who only joined to read ([Join]) ends nothing. Close may be called more than
// once.
func (t *Tracker) Close() error {
	t.mu.Lock()
	closed := t.closed
	t.closed = true
	t.mu.Unlock()
	if closed {
		return nil
	}
	ends := t.leave()
	var errs []error
	if ends {
		errs = t.remove()
	}
	for _, l := range t.links {
		if l != nil {
			_ = l.Close()
		}
	}
	t.kernel.close()
	t.lease.release()
	if ends && t.meta.Mounted {
		unmountBPFFS()
	}
	return errors.Join(errs...)
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
			return !t.keep && !t.othersUse()
		}
		if t.presence == nil || t.othersUse() || t.gone() || time.Now().After(deadline) {
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

// remove undoes all that attaching did.
func (t *Tracker) remove() []error {
	var errs []error
	for _, l := range t.links {
		if l != nil {
			if err := l.Detach(); err != nil && !errors.Is(err, unix.ENOLINK) {
				errs = append(errs, fmt.Errorf("detach: %w", err))
			}
		}
	}
	if t.dir != "" {
		errs = append(errs, removeTracker(t.dir, &t.meta)...)
	} else {
		errs = append(errs, undoAll(&t.meta)...)
	}
	return errs
}

// removeTracker detaches what is pinned in the directory, puts back what was
// changed for it, and removes it.
func removeTracker(dir string, m *meta) []error {
	var errs []error
	if err := detachPinned(dir); err != nil {
		errs = append(errs, err)
	}
	if m != nil {
		errs = append(errs, undoAll(m)...)
	}
	if err := removePins(dir); err != nil {
		errs = append(errs, err)
	}
	return errs
}

// undoAll puts back what was changed, where the interface is still there.
func undoAll(m *meta) []error {
	var errs []error
	for _, i := range m.Interfaces {
		if _, err := netlink.LinkByIndex(i.Index); err != nil {
			continue
		}
		errs = append(errs, undo(i.Changes)...)
	}
	return errs
}

// Down detaches the tracker that runs between two interfaces, whoever owns it,
// puts back what it changed and removes all that it left.
func Down(_ context.Context, a, b string) error {
	dir, found, err := pairDir(a, b)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("detach from %s and %s: %w", a, b, ErrNotRunning)
	}
	k, m, err := openKernel(dir)
	if k != nil {
		k.close()
	}
	// One of another version can still be taken down.
	if err != nil && !errors.Is(err, ErrLayout) {
		return err
	}
	errs := removeTracker(dir, m)
	if m != nil && m.Mounted {
		unmountBPFFS()
	}
	return errors.Join(errs...)
}
