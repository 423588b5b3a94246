package agent

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ctop/internal/fleet"
)

// over reports whether an order can no longer be repeated, also if the clock is set back a
// little: it would be late.
func over(o fleet.Outcome, now time.Time) bool {
	return o.State != fleet.Intended && now.Sub(o.Expires) > fleet.MaxActFor
}

// beginAgain puts the journal aside, in place of the one that was put aside before, and begins
// another one with the acts that could still be repeated. At any moment one of both is whole,
// and in its place. If that fails before the other one is in its place, this one goes on.
func (j *Journal) beginAgain(now time.Time) error {
	path := j.path + ".new"
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := lock(path)
	if err != nil {
		return err
	}
	next := &Journal{path: j.path, file: f}
	for _, id := range j.order {
		if o := j.known[id]; !over(o, now) {
			err = errors.Join(err, next.append(o))
		}
	}
	if err == nil {
		err = j.replace(path)
	}
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(path))
	}
	_ = j.file.Close()                   // every line of it was synced
	j.file, j.size, j.torn = f, 0, false // the acts that it begins with do not count
	dir, err := os.Open(filepath.Dir(j.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// replace puts another file in the place of the journal.
func (j *Journal) replace(path string) error {
	aside := j.path + ".1"
	if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Link(j.path, aside); err != nil {
		return err
	}
	return os.Rename(path, j.path)
}
