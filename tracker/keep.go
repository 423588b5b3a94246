package tracker

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Ends reports whether the tracker would end if this process closed it now: this
// process owns it, or would inherit it, nobody else uses it, and it is not to be
// kept.
func (t *Tracker) Ends() bool {
	t.mu.Lock()
	owner, keep := t.lease != nil || t.dir == "", t.keep
	if !owner && t.presence != nil {
		owner, keep = !isOwned(t.dir), t.meta.Keep
	}
	t.mu.Unlock()
	return owner && !keep && !t.sharedWithOthers()
}

// Kept reports whether the tracker goes on running when this process, which owns
// it, closes it.
func (t *Tracker) Kept() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.keep
}

// Keepable reports whether the tracker can go on without a process: it is pinned.
func (t *Tracker) Keepable() bool { return t.dir != "" && t.kernel.traces == nil }

// Keep leaves the tracker running when it is closed, as [Options.Keep] does.
func (t *Tracker) Keep() error {
	if !t.Keepable() {
		return errors.New("keep the tracker: it has no pins, so it ends with this process")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.meta.Keep = true
	if err := t.meta.write(t.kernel.meta); err != nil {
		t.meta.Keep = false
		return fmt.Errorf("keep the tracker: %w", err)
	}
	t.keep = true
	return nil
}

// sharedWithOthers reports whether another process uses the tracker besides this
// one, which goes on doing so: unlike othersUse it takes no lock, as a process that
// wants to share one at that moment would be refused.
func (t *Tracker) sharedWithOthers() bool {
	if t.dir == "" {
		return false
	}
	var st unix.Stat_t
	if unix.Stat(filepath.Join(t.dir, usersDir), &st) != nil {
		return false
	}
	locks, err := os.Open("/proc/locks")
	if err != nil {
		return false
	}
	defer func() { _ = locks.Close() }()
	file := fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)
	for lines := bufio.NewScanner(locks); lines.Scan(); {
		if lockOfOther(lines.Text(), file) {
			return true
		}
	}
	return false
}

// lockOfOther reports whether a line of /proc/locks (proc_locks(5)) is a lock that
// another process holds on the file.
func lockOfOther(line, file string) bool {
	f := strings.Fields(line)
	return len(f) == 8 && f[1] == "FLOCK" && f[5] == file && f[4] != strconv.Itoa(os.Getpid())
}
