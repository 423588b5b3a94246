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

// BeginClose marks the hold as closed. It returns false if it already was.
func (h *Hold) BeginClose() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.closed
	h.closed = true
	return !was
}

// Leave ends this process's use of the tracker. If no other process uses it and
// Keep is not set, Leave detaches the programs, restores the settings and
// removes the pins; ended is true then. Otherwise the tracker keeps running and
// one of its users becomes the owner. A process that only reads never ends the
// tracker.
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

// Release releases the locks. The caller no longer uses any part of the
// tracker.
func (h *Hold) Release() {
	h.presence.release()
	h.lease.release()
	h.journal.release()
	Site{root: h.root}.Close()
}

// leaveTime bounds the wait for other processes that leave at the same moment.
const leaveTime = 5 * time.Second

// leave reports whether the tracker ends with this process. Several processes
// may leave at the same moment, each while it sees the others. The last one
// must end the tracker. So if no user is left but a leaving process has the
// lease, leave waits for it.
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

// usersDir is the directory on which every user of the tracker has a shared
// lock.
const usersDir = "users"

// StopUsing unregisters this process as a user of the tracker.
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

// Remove undoes everything that attaching did. Settings that this process
// cannot restore stay recorded, so that another process can.
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

// removeTracker detaches the programs, restores the settings and removes the
// directory. more are attachments that are not pinned. The tracker counts as
// ended once the first pin is removed, even if a later step fails. With leave,
// the remaining pins are kept if a setting cannot be restored, since they
// record it.
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

// Down detaches the tracker on the given interfaces, no matter which process
// owns it, restores the settings and removes its pins and files. It returns
// [ErrNotRunning] if there is none.
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
	// This also removes other versions' trackers and incomplete ones.
	errs := removeTracker(where.dir, describedAt(where.dir), false)
	clearJournals(named)
	UnmountBPFFS()
	return errors.Join(errs...)
}
