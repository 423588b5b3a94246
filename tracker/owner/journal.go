package owner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"ctop/tracker/kernel"
	"ctop/tracker/netdev"
)

// Changed settings are recorded in a pinned map. Some pins do not outlive the process:
// there may be none, or their BPF file system is that of a private mount namespace. Then
// the settings are also recorded in a file:
//
//	/run/ctop/<network namespace>/<interface>:<interface>
//
// The owner locks the file. The kernel releases the lock when the process dies.
const journalRoot = "/run/ctop"

// journal is the file of a tracker. A nil journal does nothing.
type journal struct {
	lease
	path string
}

func journalDir() (string, error) {
	cookie, err := namespaceCookie()
	return filepath.Join(journalRoot, cookie), err
}

func (d *Description) journalPath(dir string) string {
	return filepath.Join(dir, dirName(d.names()))
}

// OpenJournal creates and locks the file before any setting is changed. It does
// nothing if no setting changes or the pins outlive this process. If it fails,
// the note says what a kill would leave.
func (h *Hold) OpenJournal() (notes []string) {
	changed := slices.ContainsFunc(h.description.Interfaces, func(p netdev.Point) bool { return len(p.Changes) > 0 })
	if !changed || h.dir != "" && pinsStay() {
		return nil
	}
	j, err := makeJournal(&h.description)
	if err != nil {
		return []string{fmt.Sprintf("a kill -9 would leave settings changed: %v", err)}
	}
	h.journal = j
	return nil
}

func makeJournal(d *Description) (j *journal, err error) {
	dir, err := journalDir()
	if err != nil {
		return nil, err
	}
	for range tries {
		if j, err = makeJournalIn(dir, d); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		// Another ctop, which ends, has removed a directory that was empty.
	}
	return j, err
}

func makeJournalIn(dir string, d *Description) (*journal, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	if err := errors.Join(checkOwn(journalRoot, 0o022), checkOwn(dir, 0o022)); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, draftName)
	if err != nil {
		return nil, err
	}
	j := &journal{lease: lease{dir: f}, path: d.journalPath(dir)}
	err = errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), j.write(d))
	if err == nil {
		err = os.Rename(f.Name(), j.path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		j.release()
		return nil, err
	}
	return j, nil
}

// write replaces the description in the file. A nil journal ignores it.
func (j *journal) write(d *Description) error {
	if j == nil {
		return nil
	}
	text, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode the journal: %w", err)
	}
	// The rest of a longer old text may follow. A reader decodes only the first JSON
	// value.
	if _, err := j.dir.WriteAt(append(text, '\n'), 0); err != nil {
		return fmt.Errorf("write %s: %w", j.path, err)
	}
	return nil
}

// remove deletes the file and its empty parent directories. The lock is kept
// until release.
func (j *journal) remove() {
	if j == nil || !j.holds(j.path) {
		return
	}
	dir := filepath.Dir(j.path)
	if os.Remove(j.path) == nil && os.Remove(dir) == nil {
		_ = os.Remove(filepath.Dir(dir))
	}
}

func (j *journal) release() {
	if j != nil {
		j.lease.release()
	}
}

// lockJournal opens and locks a file. ok is false if another process holds the
// lock.
func lockJournal(path string) (j *journal, ok bool) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, false
	}
	j = &journal{lease: lease{dir: f}, path: path}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil || !j.holds(path) {
		j.release()
		return nil, false
	}
	return j, true
}

// inheritJournal opens the journal when this process becomes the owner. It
// returns nil if there is none.
func (h *Hold) inheritJournal() *journal {
	dir, err := journalDir()
	if err != nil {
		return nil
	}
	j, _ := lockJournal(h.description.journalPath(dir))
	return j
}

// ClearJournals restores settings of trackers in this network namespace that
// ended without doing so and have no pins. It returns a sentence per tracker.
func ClearJournals() (notes []string) {
	return clearJournals(func(*Description) bool { return true })
}

func clearJournals(concerned func(*Description) bool) (notes []string) {
	dir, err := journalDir()
	if err != nil || checkOwn(journalRoot, 0o022) != nil || checkOwn(dir, 0o022) != nil {
		return nil
	}
	entries, _ := os.ReadDir(dir) // most of the time there is none
	for _, e := range entries {
		j, ok := lockJournal(filepath.Join(dir, e.Name()))
		if !ok {
			continue
		}
		if d := j.read(); strings.HasPrefix(e.Name(), draftName) {
			j.remove()
		} else if d != nil && concerned(d) && !d.runs() {
			note := "put back what a ctop that was killed had changed for " + strings.Join(d.names(), " and ")
			if err := errors.Join(netdev.Undo(d.changesNow())...); err != nil {
				note += ": " + strings.ReplaceAll(err.Error(), "\n", "; ")
			}
			notes = append(notes, note)
			j.remove()
		}
		j.release()
	}
	return notes
}

// read returns the description in the file, nil if it is malformed.
func (j *journal) read() *Description {
	d := new(Description)
	text := io.NewSectionReader(j.dir, 0, kernel.MetaSize)
	if err := json.NewDecoder(text).Decode(d); err != nil || len(d.Interfaces) == 0 {
		return nil
	}
	if slices.ContainsFunc(d.Interfaces, func(p netdev.Point) bool { return p.Index <= 0 }) {
		return nil
	}
	return d
}
