package owner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/cilium/ebpf"

	"ctop/bpf"
	"ctop/tracker/kernel"
	"ctop/tracker/netdev"
)

// Hold is the part of this process in a tracker: whether it owns the tracker or only
// uses it, and the description that others go by. Its methods may be called from any
// goroutine.
type Hold struct {
	objects *kernel.Objects
	// dir is where the tracker is pinned, empty where it is not, and place that
	// very directory.
	dir   string
	place place
	// root keeps dir within reach, where that is in another mount namespace.
	root *os.File
	// joined: the tracker ran before.
	joined bool

	mu sync.Mutex
	// description is the one in the kernel.
	description Description
	// lease is held by the owner: who expires flows, and removes everything at
	// the end.
	lease *lease
	// presence is held by everybody who uses the tracker, not only reads it.
	presence *lease
	// journal has what was changed where the pins may end with this process.
	journal *journal
	keep    bool
	closed  bool
}

// New returns the hold of the process that attaches a tracker, which is to be pinned
// in the directory, or nowhere where that is empty.
func New(o *kernel.Objects, d Description, dir string) *Hold {
	return &Hold{objects: o, description: d, dir: dir, keep: d.Keep}
}

// Describe writes the description where others find it.
func (h *Hold) Describe() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.description.write(h.objects)
}

// Pin makes the directory, with the lease taken, and pins the objects there.
func (h *Hold) Pin() (notes []string, err error) {
	if h.dir == "" {
		return nil, nil
	}
	owner, presence, notes, err := claim(h.dir)
	if err != nil {
		return notes, kernel.ExplainPermission("create "+h.dir, fmt.Errorf("create %s: %w", h.dir, err))
	}
	h.lease, h.presence = owner, presence
	if h.place, err = placeOf(h.dir); err != nil {
		return notes, fmt.Errorf("inspect %s: %w", h.dir, err)
	}
	return notes, h.objects.Pin(h.dir)
}

// Forget makes a tracker whose attaching failed one that is not kept.
func (h *Hold) Forget() { h.keep = false }

// Dir returns the directory that the tracker is pinned in, empty where it is not.
func (h *Hold) Dir() string { return h.dir }

// Joined reports whether the tracker was already running.
func (h *Hold) Joined() bool { return h.joined }

// KeepReach keeps the file system of the site open for as long as the hold.
func (h *Hold) KeepReach(s Site) { h.root = s.root }

// Description returns the description as it is now.
func (h *Hold) Description() Description {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.description
	d.Interfaces = slices.Clone(d.Interfaces)
	return d
}

// Points returns the descriptions of the attachment points as they are now.
func (h *Hold) Points() []netdev.Point { return h.Description().Interfaces }

// SetPoint replaces the description of one point, here and for those who join.
func (h *Hold) SetPoint(i int, p netdev.Point) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.description.Interfaces[i] = p
	return errors.Join(h.description.write(h.objects), h.journal.write(&h.description))
}

// Occupied is [Occupied].
func (h *Hold) Occupied(name string, id ebpf.ProgramID) error { return Occupied(name, id) }

// IsCurrent reports whether the programs that run are those of this version.
func (h *Hold) IsCurrent() bool { return h.Description().Programs == bpf.Fingerprint() }

// SetCurrent writes down that the programs that run are those of this version.
func (h *Hold) SetCurrent() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.description.Programs = bpf.Fingerprint()
	return h.description.write(h.objects)
}

// LockReader keeps a slot for a reader of events from other processes, by a lock on a
// directory beside the pins.
func (h *Hold) LockReader(slot uint32) (release func(), ok bool) {
	if h.dir == "" {
		return func() {}, true
	}
	path := filepath.Join(h.dir, "reader"+strconv.Itoa(int(slot)))
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, false
	}
	l, ok, err := takeLease(path)
	if err != nil || !ok {
		return nil, false
	}
	return l.release, true
}

// Gone reports whether somebody took the tracker down, be it that another one was
// attached since.
func (h *Hold) Gone() bool {
	if h.dir == "" {
		return false
	}
	now, err := placeOf(h.dir)
	return errors.Is(err, os.ErrNotExist) || err == nil && now != h.place
}

// Whole reports whether all of the tracker is pinned.
func (h *Hold) Whole() bool { return whole(h.dir) }

// Use notes that this process uses the tracker.
func (h *Hold) Use() {
	if h.dir == "" {
		return
	}
	if l, ok, err := shareLease(filepath.Join(h.dir, usersDir)); err == nil && ok {
		h.presence = l
	}
}

// Owned reports whether this process owns the tracker.
func (h *Hold) Owned() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lease != nil || h.dir == ""
}

// Adopt makes this process the owner if the former one is gone.
func (h *Hold) Adopt() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.takeLease()
	}
}

// takeLease tries to become the owner, which a process that holds the lease is. A
// tracker that was meant to be kept still is. The mutex is held.
func (h *Hold) takeLease() {
	if h.lease != nil || h.dir == "" {
		return
	}
	l, ok, err := takeLease(h.dir)
	switch {
	case err != nil || !ok:
	case h.Gone(): // it is another tracker's
		l.release()
	default:
		h.lease, h.keep = l, h.description.Keep
		h.journal = h.inheritJournal()
	}
}
