package tracker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"ctop/tracker/flow"
)

// joinOrAdopt joins the tracker that is pinned there. Where its owner is dead and
// it was not meant to be kept, this process becomes the owner.
func joinOrAdopt(ctx context.Context, dir string, log *slog.Logger) (*Tracker, error) {
	t, err := joinAt(ctx, dir, log)
	if err != nil {
		return nil, err
	}
	t.use()
	if t.adopt(); t.owner() {
		t.notes = append(t.notes, "took over a tracker that nobody owned, with its flows")
		if err := t.upgrade(false); err != nil {
			t.notes = append(t.notes, fmt.Sprintf("it goes on with the programs of another version: %v", err))
		}
	}
	return t, nil
}

// Join joins the tracker that runs between the two interfaces, in either order,
// or the only one that runs where none is named. One that is being attached is
// waited for.
func Join(ctx context.Context, interfaces ...string) (*Tracker, error) {
	return joinRunning(ctx, slog.New(slog.DiscardHandler), interfaces, joinAt)
}

// Share joins like [Join], to stay: an owner that ends leaves the tracker to this
// process, and one that nobody owns becomes its own. Unlike [Open] it attaches
// nothing.
func Share(ctx context.Context, log *slog.Logger, interfaces ...string) (*Tracker, error) {
	return joinRunning(ctx, log, interfaces, joinOrAdopt)
}

func joinRunning(
	ctx context.Context, log *slog.Logger, interfaces []string, join func(context.Context, string, *slog.Logger) (*Tracker, error),
) (*Tracker, error) {
	where, err := runningSite(interfaces)
	if err != nil {
		return nil, err
	}
	t, err := join(ctx, where.dir, log)
	if err != nil {
		where.close()
		return nil, err
	}
	t.root = where.root
	return t, nil
}

// runningSite returns where the tracker is pinned that interfaces name, or the only
// one that runs.
func runningSite(interfaces []string) (site, error) {
	if len(interfaces) == 0 {
		pairs, err := Pairs()
		if err != nil {
			return site{}, err
		}
		switch len(pairs) {
		case 0:
			return site{}, cmp.Or(outOfReach(), fmt.Errorf("%w in this network namespace", ErrNotRunning))
		case 1:
			interfaces = pairs[0][:]
		default:
			return site{}, fmt.Errorf("%w (%s)", ErrAmbiguous, listPairs(pairs))
		}
	}
	if len(interfaces) != 2 {
		return site{}, flow.Usagef("join a tracker: name two interfaces or none")
	}
	where, found, err := findPair(interfaces[0], interfaces[1])
	if err != nil {
		// A name that is wrong is wrong for everybody.
		if _, wrong := findSides([2]string{interfaces[0], interfaces[1]}); wrong != nil {
			return site{}, wrong
		}
		return site{}, err
	}
	if !found {
		return site{}, cmp.Or(outOfReach(interfaces...), fmt.Errorf("%w between %s and %s", ErrNotRunning, interfaces[0], interfaces[1]))
	}
	return where, nil
}

// listPairs names the trackers by their interfaces.
func listPairs(pairs [][2]string) string {
	names := make([]string, len(pairs))
	for i, p := range pairs {
		names[i] = p[0] + " " + p[1]
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

const (
	// attachPatience is how long a tracker may take from its first pin to its
	// last. It is far more than it needs on a busy machine.
	attachPatience = 30 * time.Second
	attachPoll     = 10 * time.Millisecond
)

// joinAt joins the tracker that is pinned in the directory. Pins that are
// missing while somebody holds the lease are on their way, there or gone.
func joinAt(ctx context.Context, dir string, log *slog.Logger) (*Tracker, error) {
	for deadline := time.Now().Add(attachPatience); ; {
		t, err := joinNow(dir, log)
		if !errors.Is(err, errPinsMissing) {
			return t, err
		}
		if !isOwned(dir) {
			return joinNow(dir, log) // all that will ever come is there
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("join the tracker at %s: another ctop has been attaching it for %s: try again, or end that ctop", dir, attachPatience)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(attachPoll):
		}
	}
}

// isOwned reports whether a process holds the lease.
func isOwned(dir string) bool {
	l, free, err := takeLease(dir)
	l.release()
	return err == nil && !free
}

func joinNow(dir string, log *slog.Logger) (*Tracker, error) {
	before, err := placeOf(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, explainPermission("look for trackers", fmt.Errorf("look for trackers: %w", err))
	}
	k, m, err := openKernel(dir)
	if err != nil {
		// A directory that goes while it is read was being removed.
		if _, gone := os.Stat(dir); errors.Is(gone, os.ErrNotExist) {
			return nil, ErrNotRunning
		}
		return nil, err
	}
	t := &Tracker{kernel: k, meta: *m, log: log, dir: dir, place: before, joined: true, slots: map[uint32]bool{}}
	if err := t.start(); err != nil {
		k.close()
		return nil, err
	}
	return t, nil
}

// takeLease tries to become the owner, which a process that holds the lease is. A
// tracker that was meant to be kept still is. The mutex is held.
func (t *Tracker) takeLease() {
	if t.lease != nil || t.dir == "" {
		return
	}
	l, ok, err := takeLease(t.dir)
	switch {
	case err != nil || !ok:
	case t.Gone(): // it is another tracker's
		l.release()
	default:
		t.lease, t.keep = l, t.meta.Keep
		t.journal = t.inheritJournal()
	}
}

// owner reports whether this process owns the tracker.
func (t *Tracker) owner() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lease != nil || t.dir == ""
}

// adopt makes this process the owner if the former one is gone.
func (t *Tracker) adopt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.takeLease()
	}
}
