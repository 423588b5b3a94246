package owner

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ctop/tracker/netdev"
)

// BeginClose says that this process is done with the tracker. It returns false where it
// was called before.
func (h *Hold) BeginClose() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.closed
	h.closed = true
	return !was
}

// Leave ends the part of this process in the tracker. The last one to use it, unless it
// is to be kept, detaches the programs, puts back what was changed and removes the pins;
// while others use it, it goes on, and one of them becomes its owner. Who only reads
// ends nothing. ended is true where the tracker was ended here and now.
func (h *Hold) Leave(links []netdev.Attachment) (ended bool, err error) {
	ends := h.leave()
	var errs []error
	if ends {
		errs = h.Remove(links)
	}
	if ends && !netdev.Unreached(errs) || h.Gone() {
		h.journal.remove()
	}
	return ends, errors.Join(errs...)
}

// Release gives back the locks, once nothing of the tracker is in use any more.
func (h *Hold) Release() {
	h.presence.release()
	h.lease.release()
	h.journal.release()
	Site{root: h.root}.Close()
}

// leaveTime is how long to wait for others that leave at the same moment.
const leaveTime = 5 * time.Second

// leave reports whether the tracker is to end with this process. Of several that
// leave at the same moment the last one ends it, though each may have seen that
// another was still there: where nobody is any more, and one that leaves holds the
// lease, it waits for that.
func (h *Hold) leave() (ends bool) {
	h.StopUsing()
	for deadline := time.Now().Add(leaveTime); ; time.Sleep(attachPoll) {
		if h.presence != nil {
			h.mu.Lock()
			h.takeLease() // the owner may have gone a moment ago
			h.mu.Unlock()
		}
		if h.Owned() {
			return !h.keep && !h.OthersUse() && !h.Gone()
		}
		if h.presence == nil || h.OthersUse() || h.Gone() || time.Now().After(deadline) {
			return false
		}
	}
}

// usersDir is what everybody who uses a tracker holds a shared lock on.
const usersDir = "users"

// StopUsing says that this process uses the tracker no longer.
func (h *Hold) StopUsing() { h.presence.release() }

// OthersUse reports whether another process uses the tracker.
func (h *Hold) OthersUse() bool {
	if h.dir == "" {
		return false
	}
	l, ok, err := takeLease(filepath.Join(h.dir, usersDir))
	l.release()
	return err == nil && !ok
}

// Remove undoes all that attaching did. Settings that it cannot reach stay written
// down for somebody who can.
func (h *Hold) Remove(links []netdev.Attachment) []error {
	if h.dir != "" {
		return removeTracker(h.dir, &h.description, true, links...)
	}
	changes := h.description.changesNow()
	errs := slices.Concat(netdev.Detach(links), netdev.Undo(changes))
	if h.journal != nil && netdev.Unreached(errs) {
		errs = append(errs, h.description.errLeft())
	}
	return errs
}

// removeTracker detaches what is pinned in the directory, and other attachments
// of the same tracker, puts back what was changed for it, and removes it. From
// the removal of the first pin on the tracker is no more, whatever happens here.
// With leave the rest of the pins, which tell what was changed, stays where a
// setting cannot be reached.
func removeTracker(dir string, d *Description, leave bool, more ...netdev.Attachment) []error {
	changes := d.changesNow() // while a renamed interface can be told by its program
	links, errs := netdev.Unpin(dir)
	errs = append(errs, netdev.Detach(append(links, more...))...)
	for _, l := range links {
		_ = l.Close()
	}
	errs = append(errs, netdev.Undo(changes)...)
	if leave && netdev.Unreached(errs) {
		return append(errs, d.errLeft())
	}
	if err := removePins(dir); err != nil {
		errs = append(errs, err)
	}
	return errs
}

// Down detaches the tracker of a set of interfaces, whoever owns it, puts back what it
// changed and removes all that it left.
func Down(_ context.Context, interfaces ...string) error {
	where, found, err := find(interfaces)
	if err != nil {
		return err
	}
	defer where.Close()
	named := func(d *Description) bool { return d.between(interfaces) || d.wasBetween(interfaces) }
	if !found {
		if len(clearJournals(named)) > 0 {
			return nil
		}
		if err := outOfReach(interfaces...); err != nil {
			return err
		}
		if len(clearJournals(named)) > 0 { // it was going
			return nil
		}
		return fmt.Errorf("detach from %s: %w", strings.Join(interfaces, " and "), ErrNotRunning)
	}
	// One of another version can be taken down, too, and what is left of one.
	errs := removeTracker(where.dir, describedAt(where.dir), false)
	clearJournals(named)
	UnmountBPFFS()
	return errors.Join(errs...)
}
