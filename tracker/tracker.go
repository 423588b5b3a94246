package tracker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Tracker is one tracker, attached by this process or joined. Its methods may be
// called from any goroutine.
type Tracker struct {
	kernel *kernel
	meta   meta
	notes  []string
	tick   time.Duration
	// dir is where it is pinned, empty where it is not.
	dir    string
	joined bool
	keep   bool
	// mounted says that the BPF file system was mounted for this tracker.
	mounted bool
	// links hold the attachments of a tracker that is not pinned by itself.
	links [2]link.Link

	mu sync.Mutex
	// lease is held by the owner: who expires flows, and removes everything at
	// the end.
	lease *lease
	// slots are the readers' slots in use by this process.
	slots  map[uint32]bool
	config kernelConfig
	closed bool
}

// Open attaches a tracker between two interfaces, or joins the one that runs
// there, in which case the options other than Interfaces do not apply. ctx only
// bounds the opening.
func Open(ctx context.Context, o Options) (*Tracker, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := checkKernel(); err != nil {
		return nil, err
	}
	sides, err := findSides(o.Interfaces)
	if err != nil {
		return nil, err
	}
	dir, mounted, notes := preparePins(o)
	if dir != "" {
		t, err := joinOrAdopt(dir)
		if err == nil || !errors.Is(err, ErrNotRunning) {
			return t, err
		}
	}
	t, err := attachNew(ctx, o, sides, dir)
	if err != nil {
		if mounted {
			_ = unix.Unmount(bpffsRoot, 0)
		}
		return nil, err
	}
	t.mounted = mounted
	t.notes = append(notes, t.notes...)
	return t, nil
}

// preparePins returns where to pin the tracker, and nothing where it cannot or
// must not be pinned, which the note then explains.
func preparePins(o Options) (dir string, mounted bool, notes []string) {
	if o.NoPin {
		return "", false, nil
	}
	mounted, err := mountBPFFS()
	if err == nil {
		dir, _, err = pairDir(o.Interfaces[0], o.Interfaces[1])
	}
	if err != nil {
		return "", false, []string{fmt.Sprintf("going on without pins: %v; the tracker ends with this process, and no other ctop can join it", err)}
	}
	if mounted {
		notes = append(notes, "mounted a BPF file system at "+bpffsRoot)
	}
	return dir, mounted, notes
}

// joinOrAdopt joins the tracker that is pinned there. Where its owner is dead and
// it was not meant to be kept, this process becomes the owner.
func joinOrAdopt(dir string) (*Tracker, error) {
	t, err := joinAt(dir)
	if err != nil {
		return nil, err
	}
	if t.adopt(); t.owner() {
		t.notes = append(t.notes, "took over a tracker that nobody owned, with its flows")
	}
	return t, nil
}

// Join joins the tracker that runs between the two interfaces, in either order,
// or the only one that runs where none is named.
func Join(_ context.Context, interfaces ...string) (*Tracker, error) {
	if len(interfaces) == 0 {
		pairs, err := Pairs()
		if err != nil {
			return nil, err
		}
		switch len(pairs) {
		case 0:
			return nil, fmt.Errorf("%w in this network namespace: name two interfaces", ErrNotRunning)
		case 1:
			interfaces = pairs[0][:]
		default:
			return nil, fmt.Errorf("%w (%v): name two interfaces", ErrAmbiguous, pairs)
		}
	}
	if len(interfaces) != 2 {
		return nil, fmt.Errorf("join a tracker: %w: name two interfaces or none", ErrUsage)
	}
	dir, found, err := pairDir(interfaces[0], interfaces[1])
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("%w between %s and %s", ErrNotRunning, interfaces[0], interfaces[1])
	}
	return joinAt(dir)
}

func joinAt(dir string) (*Tracker, error) {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil, ErrNotRunning
	}
	k, m, err := openKernel(dir)
	if err != nil {
		return nil, err
	}
	t := &Tracker{kernel: k, meta: *m, dir: dir, joined: true, slots: map[uint32]bool{}}
	if err := t.start(); err != nil {
		k.close()
		return nil, err
	}
	return t, nil
}

// start reads what every tracker has to know of its kernel objects.
func (t *Tracker) start() (err error) {
	if t.tick, err = measureTick(t.kernel.clock); err != nil {
		return err
	}
	if t.joined {
		if err := t.kernel.config.Lookup(uint32(0), &t.config); err != nil {
			return fmt.Errorf("read the timeouts: %w", err)
		}
	}
	return nil
}

// attachNew makes a tracker, all of it or nothing.
func attachNew(ctx context.Context, o Options, sides [2]*side, dir string) (*Tracker, error) {
	for _, s := range sides {
		if err := s.checkFree(); err != nil {
			return nil, err
		}
	}
	notes, err := chooseMode(o.Mode, sides)
	if err != nil {
		return nil, err
	}
	t, err := attachSides(ctx, o, sides, dir)
	if err != nil && o.Mode == ModeAuto && sides[0].mode == ModeNative && errNoNative(err) {
		notes = []string{fmt.Sprintf("tc mode instead of native XDP: %v", err)}
		for _, s := range sides {
			s.mode = ModeTC
			s.prepareTC()
		}
		t, err = attachSides(ctx, o, sides, dir)
	}
	if err != nil {
		return nil, err
	}
	t.notes = append(t.notes, notes...)
	return t, nil
}

func attachSides(ctx context.Context, o Options, sides [2]*side, dir string) (t *Tracker, err error) {
	k, err := loadKernel(loadOptions{
		maxFlows:          o.MaxFlows,
		completeChecksums: sides[0].mode != ModeTC && (sides[0].virtual() || sides[1].virtual()),
	})
	if err != nil {
		return nil, err
	}
	t = &Tracker{kernel: k, dir: dir, keep: o.Keep, slots: map[uint32]bool{}}
	defer func() {
		if err != nil {
			t.keep = false
			_ = t.Close()
		}
	}()
	if err := t.start(); err != nil {
		return nil, err
	}
	if err := t.configure(o, sides); err != nil {
		return nil, err
	}
	if err := t.describe(o, sides); err != nil {
		return nil, err
	}
	if err := t.pin(); err != nil {
		return nil, err
	}
	if err := t.change(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if t.links, err = k.attachBoth(sides); err != nil {
		return nil, err
	}
	return t, t.pinLinks()
}

// configure tells the programs which interfaces, policy and timeouts they have.
func (t *Tracker) configure(o Options, sides [2]*side) error {
	for i, s := range sides {
		index := uint32(s.link.Attrs().Index)
		t.config.Ifindex[i] = index
		// A packet goes out where it did not come in.
		if err := t.kernel.outputs.Put(uint32(1-i), index); err != nil {
			return fmt.Errorf("set the way out by %s: %w", s.name(), err)
		}
	}
	t.config.Policy = kernelPolicy(o.Policy)
	c := clock{tick: t.tick}
	for name, d := range o.Timeouts {
		t.config.TimeoutTicks[name] = c.ticksOf(d)
	}
	return t.writeConfig()
}

func (t *Tracker) writeConfig() error {
	if err := t.kernel.config.Put(uint32(0), &t.config); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

// describe writes down what the tracker is and what it is about to change.
func (t *Tracker) describe(o Options, sides [2]*side) error {
	_, ns, err := readKernelClock(t.kernel.clock)
	if err != nil {
		return err
	}
	t.meta = meta{Layout: currentLayout(), StartedNs: ns, MaxFlows: o.MaxFlows, Keep: o.Keep}
	for i, s := range sides {
		changes, err := needed(s.changes)
		if err != nil {
			return explainPermission("prepare "+s.name(), fmt.Errorf("prepare %s: %w", s.name(), err))
		}
		t.meta.Interfaces[i] = ifaceMeta{Name: s.name(), Index: s.link.Attrs().Index, Mode: s.mode, Changes: changes}
	}
	return t.meta.write(t.kernel.meta)
}

func (t *Tracker) pin() error {
	if t.dir == "" {
		return nil
	}
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return explainPermission("make "+t.dir, fmt.Errorf("make %s: %w", t.dir, err))
	}
	t.takeLease()
	return t.kernel.pin(t.dir)
}

// change makes the changes that were written down.
func (t *Tracker) change() error {
	for _, m := range t.meta.Interfaces {
		for _, c := range m.Changes {
			if err := c.set(true); err != nil {
				return explainPermission("prepare "+m.Name, err)
			}
			t.notes = append(t.notes, fmt.Sprintf("changed %s until the tracker ends", c))
		}
	}
	return nil
}

func (t *Tracker) pinLinks() error {
	if t.dir == "" {
		return nil
	}
	for i, l := range t.links {
		if err := l.Pin(filepath.Join(t.dir, linkPins[i])); err != nil {
			return fmt.Errorf("pin the attachment to %s: %w", t.meta.Interfaces[i].Name, err)
		}
	}
	return nil
}

// takeLease tries to become the owner, which a process that holds the lease is.
func (t *Tracker) takeLease() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lease != nil || t.dir == "" || t.closed {
		return
	}
	if l, ok, err := takeLease(t.dir); err == nil && ok {
		t.lease = l
	}
}

// owner reports whether this process owns the tracker.
func (t *Tracker) owner() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lease != nil || t.dir == ""
}

// Joined reports whether the tracker was already running.
func (t *Tracker) Joined() bool { return t.joined }

// Interfaces returns the names of the two interfaces in the order in which the
// tracker was started with them.
func (t *Tracker) Interfaces() [2]string {
	return [2]string{t.meta.Interfaces[0].Name, t.meta.Interfaces[1].Name}
}

// Notes returns sentences that the operator should read once: which mode was
// chosen and why, what was changed at the peers, that there are no pins.
func (t *Tracker) Notes() []string { return t.notes }

// Close ends the process's part in the tracker. An owner that is not to keep it
// detaches the programs, puts back what was changed and removes the pins; for
// everybody else the tracker goes on. Close may be called more than once.
func (t *Tracker) Close() error {
	t.mu.Lock()
	closed, owned := t.closed, t.lease != nil || t.dir == ""
	t.closed = true
	t.mu.Unlock()
	if closed {
		return nil
	}
	var errs []error
	if owned && !t.keep {
		errs = t.remove()
	}
	for _, l := range t.links {
		if l != nil {
			l.Close()
		}
	}
	t.kernel.close()
	t.lease.release()
	return errors.Join(errs...)
}

// remove undoes all that attaching did.
func (t *Tracker) remove() []error {
	var errs []error
	for _, l := range t.links {
		if l != nil {
			if err := l.Detach(); err != nil && !errors.Is(err, unix.ENOLINK) {
				errs = append(errs, fmt.Errorf("detach: %w", err))
			}
		}
	}
	if t.dir != "" {
		errs = append(errs, removeTracker(t.dir, &t.meta)...)
	} else {
		errs = append(errs, undoAll(&t.meta)...)
	}
	if t.mounted {
		// Busy means that somebody else uses it by now: then it stays.
		_ = unix.Unmount(bpffsRoot, 0)
	}
	return errs
}

// removeTracker detaches what is pinned in the directory, puts back what was
// changed for it, and removes it.
func removeTracker(dir string, m *meta) []error {
	var errs []error
	if err := detachPinned(dir); err != nil {
		errs = append(errs, err)
	}
	if m != nil {
		errs = append(errs, undoAll(m)...)
	}
	if err := removePins(dir); err != nil {
		errs = append(errs, err)
	}
	return errs
}

// undoAll puts back what was changed, where the interface is still there.
func undoAll(m *meta) []error {
	var errs []error
	for _, i := range m.Interfaces {
		if _, err := netlink.LinkByIndex(i.Index); err != nil {
			continue
		}
		errs = append(errs, undo(i.Changes)...)
	}
	return errs
}

// Down detaches the tracker that runs between two interfaces, whoever owns it,
// puts back what it changed and removes all that it left.
func Down(_ context.Context, a, b string) error {
	dir, found, err := pairDir(a, b)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("detach from %s and %s: %w", a, b, ErrNotRunning)
	}
	k, m, err := openKernel(dir)
	if k != nil {
		k.close()
	}
	// One of another version can still be taken down.
	if err != nil && !errors.Is(err, ErrLayout) {
		return err
	}
	return errors.Join(removeTracker(dir, m)...)
}

// adopt makes this process the owner if the former one is gone.
func (t *Tracker) adopt() {
	t.takeLease()
	if t.owner() {
		t.keep = t.meta.Keep
	}
}
