package owner

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

// Ends reports whether closing the hold now would end the tracker. That is so
// if this process is the owner or would become it, no other process uses the
// tracker, and Keep is not set.
func (h *Hold) Ends() bool {
	h.mu.Lock()
	owner, keep := h.lease != nil || h.dir == "", h.keep
	if !owner && h.presence != nil {
		owner, keep = !isOwned(h.dir), h.description.Keep
	}
	h.mu.Unlock()
	return owner && !keep && !h.sharedWithOthers()
}

// Kept reports whether the tracker keeps running when this process, its owner,
// closes it.
func (h *Hold) Kept() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.keep
}

// Keepable reports whether the tracker can run without a process. It must be
// pinned and must not trace packets.
func (h *Hold) Keepable() bool { return h.dir != "" && !h.objects.Traced() }

// Keep makes the tracker outlive this process. It returns an error if the
// tracker is not [Hold.Keepable].
func (h *Hold) Keep() error {
	if !h.Keepable() {
		return errors.New("keep the tracker: it has no pins, so it ends with this process")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.description.Keep = true
	if err := h.description.write(h.objects); err != nil {
		h.description.Keep = false
		return fmt.Errorf("keep the tracker: %w", err)
	}
	h.keep = true
	return nil
}

// HandOver makes Leave behave as if this process had been killed: the tracker
// goes on without an owner, with all flows, until another process takes it over
// and, unlike with Keep, ends it. It does nothing if the tracker is not
// [Hold.Keepable].
func (h *Hold) HandOver() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keep = h.keep || h.Keepable()
}

// sharedWithOthers reports whether another process uses the tracker. It reads
// /proc/locks instead of taking a lock as OthersUse does, so it does not
// disturb a process that registers at the same time.
func (h *Hold) sharedWithOthers() bool {
	if h.dir == "" {
		return false
	}
	var st unix.Stat_t
	if unix.Stat(filepath.Join(h.dir, usersDir), &st) != nil {
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

// lockOfOther reports whether a line of /proc/locks (proc_locks(5)) is another
// process's lock on file, given as MAJOR:MINOR:INODE.
func lockOfOther(line, file string) bool {
	f := strings.Fields(line)
	return len(f) == 8 && f[1] == "FLOCK" && f[5] == file && f[4] != strconv.Itoa(os.Getpid())
}
