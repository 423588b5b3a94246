package owner

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/cilium/ebpf"

	"ctop/bpf"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
	"ctop/tracker/netdev"
)

// Hold is this process's use of a tracker, as owner or as user. Its methods are
// safe for concurrent use.
type Hold struct {
	objects *kernel.Objects
	// dir is the directory of the pins, empty if the tracker is not pinned.
	// place identifies the directory even if it is replaced.
	dir   string
	place place
	// root is the file descriptor through which dir is reached in another mount
	// namespace, else nil.
	root *os.File
	// joined is set if the tracker already ran.
	joined bool

	mu sync.Mutex
	// description is a copy of the description in the kernel.
	description Description
	// read is the text that description was read from, empty before Refresh.
	read []byte
	// lease is not nil in the owner, which expires flows and removes the
	// tracker at the end.
	lease *lease
	// presence is not nil in every process that uses the tracker. Readers do
	// not count.
	presence *lease
	// journal is a copy of the changed settings for the case that the pins do
	// not outlive this process. It is nil if it is not needed.
	journal *journal
	keep    bool
	closed  bool
}

// New returns the hold of a process that attaches a tracker. The tracker is
// pinned in dir, or not at all if dir is empty.
func New(o *kernel.Objects, d Description, dir string) *Hold {
	return &Hold{objects: o, description: d, dir: dir, keep: d.Keep}
}

// Describe stores the description for other processes.
func (h *Hold) Describe() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.description.write(h.objects)
}

// Pin creates the directory, locked by this process, and pins the objects
// there. It does nothing if the hold has no directory.
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

// Forget clears Keep, since attaching failed.
func (h *Hold) Forget() { h.keep = false }

// Dir returns the directory of the pins, empty if the tracker is not pinned.
func (h *Hold) Dir() string { return h.dir }

// Joined reports whether the tracker was already running.
func (h *Hold) Joined() bool { return h.joined }

// KeepReach keeps the site's file system open until Release.
func (h *Hold) KeepReach(s Site) { h.root = s.root }

// Description returns a copy of the current description.
func (h *Hold) Description() Description {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.description
	d.Interfaces = slices.Clone(d.Interfaces)
	return d
}

// Points returns the current attachment points. They are not changed any more.
func (h *Hold) Points() []netdev.Point {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.description.Interfaces
}

// SetPoint replaces the description of point i, also for other processes.
func (h *Hold) SetPoint(i int, p netdev.Point) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.description.Interfaces = slices.Clone(h.description.Interfaces)
	h.description.Interfaces[i] = p
	return errors.Join(h.description.write(h.objects), h.journal.write(&h.description))
}

// AddPoints appends points, also for other processes.
func (h *Hold) AddPoints(points ...netdev.Point) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.description.Interfaces = slices.Concat(h.description.Interfaces, points)
	return errors.Join(h.description.write(h.objects), h.journal.write(&h.description))
}

// Follow says which interfaces are followed, nil if none are.
func (h *Hold) Follow() *netdev.Follow {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.description.Follow
}

// Refresh reads the description again, unless this process owns the tracker: the owner
// changes it when interfaces are renamed, or come and go.
func (h *Hold) Refresh() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lease == nil && h.dir != "" && h.joined {
		h.refresh()
	}
}

// refresh is Refresh. The caller holds the mutex.
func (h *Hold) refresh() {
	text, err := h.objects.ReadMeta()
	if err != nil || bytes.Equal(text, h.read) {
		return
	}
	if d, err := decode(text); err == nil {
		h.description, h.read = *d, text
	}
}

// Occupied calls [Occupied].
func (h *Hold) Occupied(name string, id ebpf.ProgramID) error { return Occupied(name, id) }

// IsCurrent reports whether the attached programs are those of this version.
func (h *Hold) IsCurrent() bool { return h.Description().Programs == bpf.Fingerprint() }

// SetCurrent records that the attached programs are those of this version.
func (h *Hold) SetCurrent() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.description.Programs = bpf.Fingerprint()
	return h.description.write(h.objects)
}

// SetPair records what is known of the pair, also for other processes. ns is the time on
// the clock of [Description.StartedNs].
func (h *Hold) SetPair(p flow.Pair, ns uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.description.Pair, h.description.PairNs = p, ns
	return h.description.write(h.objects)
}

// LockReader reserves a slot for a reader of events. It locks a directory
// beside the pins, so processes do not share a slot. ok is false if the slot is
// taken.
func (h *Hold) LockReader(slot uint32) (release func(), ok bool) { return h.lockSlot("reader", slot) }

// LockCapture does the same for a capture.
func (h *Hold) LockCapture(slot uint32) (release func(), ok bool) {
	return h.lockSlot("capture", slot)
}

func (h *Hold) lockSlot(of string, slot uint32) (release func(), ok bool) {
	if h.dir == "" {
		return func() {}, true
	}
	path := filepath.Join(h.dir, of+strconv.Itoa(int(slot)))
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, false
	}
	l, ok, err := takeLease(path)
	if err != nil || !ok {
		return nil, false
	}
	return l.release, true
}

// Gone reports whether another process detached the tracker. It is also true if
// a new tracker has taken its place.
func (h *Hold) Gone() bool {
	if h.dir == "" {
		return false
	}
	now, err := placeOf(h.dir)
	return errors.Is(err, os.ErrNotExist) || err == nil && now != h.place
}

// Whole reports whether all attachments of the tracker are pinned.
func (h *Hold) Whole() bool { return whole(h.dir) }

// Use registers this process as a user of the tracker.
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

// Adopt makes this process the owner if there is none.
func (h *Hold) Adopt() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.takeLease()
	}
}

// takeLease makes this process the owner if there is none. It restores Keep
// from the description. The caller holds the mutex.
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
		if h.joined {
			h.refresh() // the last owner may have changed it
		}
		h.lease, h.keep = l, h.description.Keep
		h.journal = h.inheritJournal()
	}
}
