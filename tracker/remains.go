package tracker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// A process can be killed at any moment. The pins tell what became of it:
//
//   - The attachments are pinned last, and their pins are removed first. Where
//     both are there the tracker is whole, and whoever comes next goes on with it.
//   - Where one is missing and nobody holds the lease, the tracker was never
//     whole or is no more: whoever attaches next removes what is left of it. A
//     setting is changed after it was written down in a pinned map and put back
//     before that goes, so the description tells what is left to be put back.
//   - A draft that nobody holds the lease of is a directory that was being made.

// whole reports whether all of a tracker is pinned.
func whole(dir string) bool {
	for _, name := range linkPins {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// describedAt returns the description of what is pinned in the directory, as far
// as it can be read, and nil where it cannot.
func describedAt(dir string) *meta {
	pinned, err := ebpf.LoadPinnedMap(filepath.Join(dir, metaMap), nil)
	if err != nil {
		return nil
	}
	defer pinned.Close()
	m, _ := readMeta(pinned) // another version's says what to put back, too
	return m
}

// clearRemains removes what is left of a tracker whose owner was killed, and
// returns a sentence about that. It leaves alone what has an owner, and what is
// whole.
func clearRemains(dir string) (note string, err error) {
	l, free, err := takeLease(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !free {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer l.release()
	if !l.holds(dir) || whole(dir) {
		return "", nil
	}
	// What cannot be put back is no reason not to begin anew.
	failed := errors.Join(removeTracker(dir, describedAt(dir), false)...)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("remove the files that a killed ctop left at %s: %w", dir, errors.Join(failed, err))
	}
	note = "removed what was left of a ctop that was killed while it attached or ended"
	if failed != nil {
		note += ": " + strings.ReplaceAll(failed.Error(), "\n", "; ")
	}
	return note, nil
}

// joinOrAttach joins the tracker between the interfaces, or attaches one. Of
// several processes that attach at the same moment one does, and the others
// join it.
func joinOrAttach(ctx context.Context, o Options) (*Tracker, error) {
	var notes []string
	var rival error // why attaching failed, where that may be because of another process
	for deadline := time.Now().Add(attachPatience); ; {
		where, said := preparePins(o)
		t, err := openAt(ctx, o, where, rival == nil)
		if err == nil {
			t.root, t.notes = where.root, slices.Concat(notes, said, t.notes)
			return t, nil
		}
		again := false
		switch {
		case errors.Is(err, errPinsMissing) && ctx.Err() == nil && time.Now().Before(deadline):
			note, failed := clearRemains(where.dir)
			if again = failed == nil; !again {
				err = failed
			}
			if note != "" {
				notes = append(notes, note)
			}
		case where.dir != "" && rival == nil && (errors.Is(err, errClaimed) || errors.Is(err, ErrBusy)):
			rival, again = err, true
		case rival != nil && errors.Is(err, ErrNotRunning):
			err = rival
		}
		where.close()
		unmountBPFFS()
		if !again {
			return nil, err
		}
	}
}

// openAt joins the tracker that is pinned at the site, or attaches one there where
// it may.
func openAt(ctx context.Context, o Options, where site, mayAttach bool) (*Tracker, error) {
	if where.dir != "" {
		t, err := joinOrAdopt(ctx, where.dir, o.Log)
		if !errors.Is(err, ErrNotRunning) || errors.Is(err, errPinsMissing) || !mayAttach {
			return t, err
		}
	}
	said := clearJournals(func(*meta) bool { return true })
	// What the interfaces carried may have been detached since.
	sides, err := findSides(o.Interfaces)
	if err != nil {
		return nil, err
	}
	t, err := attachNew(ctx, o, sides, where.dir)
	if err != nil {
		return nil, err
	}
	t.notes = append(said, t.notes...)
	return t, nil
}

// sweepDrafts removes the drafts that killed processes left.
func sweepDrafts(base string) {
	drafts, _ := filepath.Glob(filepath.Join(base, draftName+"*")) // the pattern is right
	for _, draft := range drafts {
		if l, free, err := takeLease(draft); err == nil && free {
			_ = os.RemoveAll(draft)
			l.release()
		}
	}
}

// place tells one directory from another that has its name later.
type place struct{ dev, inode uint64 }

func placeOf(path string) (p place, err error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return p, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	return place{uint64(st.Dev), st.Ino}, nil
}

// holds reports whether the directory that is locked is the one that is there.
func (l *lease) holds(path string) bool {
	var st unix.Stat_t
	there, err := placeOf(path)
	return err == nil && unix.Fstat(int(l.dir.Fd()), &st) == nil && there == place{uint64(st.Dev), st.Ino}
}
