package owner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ctop/tracker/netdev"
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
	points := sides
	if d := describedAt(dir); d != nil && len(d.Interfaces) > 0 {
		points = len(d.Interfaces)
	}
	for i := range points {
		if _, err := os.Stat(filepath.Join(dir, netdev.LinkPin(i))); err != nil {
			return false
		}
	}
	return true
}

// ClearKilled removes what is left of a tracker whose owner was killed, and
// returns a sentence about that. It leaves alone what has an owner, and what is
// whole.
func ClearKilled(dir string) (note string, err error) {
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
	// A setting that cannot be restored does not prevent a new start.
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
