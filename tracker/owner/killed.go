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

// A process can be killed at any moment. The pins show what it left behind:
//
//   - Attachments are pinned last, and unpinned first. If all of them are pinned,
//     the tracker is complete, and the next process joins it.
//   - If one is missing and no process owns the tracker, attaching or detaching was
//     interrupted. The next process that attaches removes the remains. A setting is
//     recorded before it is changed, and restored before its record is removed, so
//     the description lists what is left to restore.
//   - A draft that no process has locked is an unfinished directory.

// whole reports whether all attachments of the tracker are pinned.
func whole(dir string) bool {
	points := 2
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

// ClearKilled removes the remains of a tracker whose owner was killed. The note
// says so. It does nothing if the tracker has an owner or is complete.
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
	// Settings that cannot be restored must not prevent a new start.
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

// sweepDrafts removes drafts of killed processes.
func sweepDrafts(base string) {
	drafts, _ := filepath.Glob(filepath.Join(base, draftName+"*")) // the pattern is right
	for _, draft := range drafts {
		if l, free, err := takeLease(draft); err == nil && free {
			_ = os.RemoveAll(draft)
			l.release()
		}
	}
}
