package tracker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"ctop/bpf"
	"ctop/tracker/flow"
)

// Tracker is one tracker, attached by this process or joined. Its methods may be
// called from any goroutine.
type Tracker struct {
	kernel *kernel
	meta   meta
	notes  []string
	log    *slog.Logger
	tick   time.Duration
	// now is the time of day, that of the machine where nil.
	now func() time.Time
	// dir is where it is pinned, empty where it is not, and place that very
	// directory.
	dir   string
	place place
	// root keeps dir within reach, where that is in another mount namespace.
	root *os.File
	// journal has what was changed where the pins may end with this process.
	journal *journal
	joined  bool
	keep    bool
	uses    uses
	// connection is the variable SSH_CONNECTION, where this process attached.
	connection string
	// links hold the attachments of a tracker that is not pinned by itself.
	links [2]attachment
	// unsent holds what counts the drops of redirects.
	unsent link.Link

	mu sync.Mutex
	// lease is held by the owner: who expires flows, and removes everything at
	// the end.
	lease *lease
	// presence is held by everybody who uses the tracker, not only reads it.
	presence *lease
	// slots are the readers' slots in use by this process.
	slots  map[uint32]bool
	config kernelConfig
	// sendDrops are what the interfaces did not send, as they counted last.
	sendDrops [2]uint64
	closed    bool
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
	if _, err := findSides(o.Interfaces); err != nil {
		return nil, err
	}
	t, err := joinOrAttach(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.Trace && t.joined {
		return nil, errors.Join(errNotTraced(t.Interfaces()), t.Close())
	}
	return t, nil
}

// preparePins returns where to pin the tracker, or where it is pinned, and nothing
// where it cannot or must not be pinned, which the notes then explain.
func preparePins(o Options) (where site, notes []string) {
	if o.NoPin {
		return site{}, nil
	}
	where, found, err := findPair(o.Interfaces[0], o.Interfaces[1])
	if found && err == nil {
		return where, nil
	}
	if err == nil {
		notes, err = mountBPFFS()
	}
	if err == nil && errors.Is(unix.Access(bpffsRoot, unix.W_OK), unix.EROFS) {
		err = fmt.Errorf("%s is a read-only file system", bpffsRoot)
	}
	if err != nil {
		where.close()
		return site{}, withoutPins(err)
	}
	return where, notes
}

func withoutPins(why error) (notes []string) {
	text := strings.ReplaceAll(why.Error(), "\n", "; ")
	return []string{fmt.Sprintf("going on without pins: %s; the tracker ends with this process, and no other ctop can join it", text)}
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
		if err := errors.Join(s.checkEthernet(), s.checkFree()); err != nil {
			return nil, err
		}
		s.filter = o.filter
	}
	forced, err := guard(o, sides)
	if err != nil {
		return nil, err
	}
	notes, err := chooseMode(o.Mode, sides)
	if err != nil {
		return nil, err
	}
	t, err := attachSides(ctx, o, sides, dir)
	if err != nil && o.Mode == flow.ModeAuto && sides[0].mode == flow.ModeNative && errNoNative(err) {
		if notes, err = tcInstead(sides, err); err != nil {
			return nil, err
		}
		t, err = attachSides(ctx, o, sides, dir)
	}
	if err != nil {
		return nil, err
	}
	t.notes = append(append(t.notes, notes...), forced...)
	t.notes = append(t.notes, mtuWarnings([2]flow.Interface{sides[0].sends(), sides[1].sends()}).Sentences()...)
	return t, nil
}

// attachSides makes a tracker in the mode of the sides. Where it fails the BPF file
// system stays: who mounted it knows what comes next.
func attachSides(ctx context.Context, o Options, sides [2]*side, dir string) (*Tracker, error) {
	k, err := loadKernel(loadOptions{
		maxFlows:          o.MaxFlows,
		completeChecksums: sides[0].mode != flow.ModeTC && (sides[0].virtual() || sides[1].virtual()),
		tracing:           o.Trace,
		verifyChecksums:   o.Checksums,
	})
	if err != nil {
		return nil, err
	}
	t := &Tracker{kernel: k, log: o.Log, dir: dir, keep: o.Keep, connection: o.SSHConnection, slots: map[uint32]bool{}}
	if err := t.attach(ctx, o, sides); err != nil {
		t.keep = false
		_, failed := t.close()
		return nil, errors.Join(err, failed)
	}
	return t, nil
}

// attach does, one after another, what Close undoes.
func (t *Tracker) attach(ctx context.Context, o Options, sides [2]*side) (err error) {
	steps := []func() error{
		t.start,
		func() error { return t.configure(o, sides) },
		func() error { return t.describe(o, sides) },
		t.pin,
		t.openJournal,
		t.change,
		func() error { t.watchRedirects(sides[0].mode); return ctx.Err() },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	if t.links, err = t.kernel.attachBoth(sides); err != nil {
		return err
	}
	return t.pinLinks()
}

// configure tells the programs which interfaces, policy and timeouts they have.
func (t *Tracker) configure(o Options, sides [2]*side) error {
	for i, s := range sides {
		index := uint32(s.link.Attrs().Index)
		t.config.Ifindex[i] = index
		// A packet goes out where it did not come in.
		if err := t.kernel.outputs.Put(uint32(1-i), index); err != nil {
			return fmt.Errorf("set %s as the egress interface: %w", s.name(), err)
		}
	}
	id, err := t.kernel.outputsID()
	if err != nil {
		return err
	}
	t.config.OutputsId = id
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
	t.meta = meta{Layout: currentLayout(), StartedNs: ns, MaxFlows: o.MaxFlows, Keep: o.Keep, Checksums: o.Checksums, Programs: bpf.Fingerprint()}
	for i, s := range sides {
		changes, err := needed(s.changes)
		if err != nil {
			return explainPermission("prepare "+s.name(), fmt.Errorf("prepare %s: %w", s.name(), err))
		}
		t.meta.Interfaces[i] = ifaceMeta{Name: s.name(), Index: s.link.Attrs().Index, Mode: s.mode, Changes: changes, Forced: s.forced, SendDrops: s.sendDrops()}
	}
	return t.meta.write(t.kernel.meta)
}

func (t *Tracker) pin() error {
	if t.dir == "" {
		return nil
	}
	owner, presence, notes, err := claim(t.dir)
	t.notes = append(t.notes, notes...)
	if err != nil {
		return explainPermission("create "+t.dir, fmt.Errorf("create %s: %w", t.dir, err))
	}
	t.lease, t.presence = owner, presence
	if t.place, err = placeOf(t.dir); err != nil {
		return fmt.Errorf("inspect %s: %w", t.dir, err)
	}
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

// Joined reports whether the tracker was already running.
func (t *Tracker) Joined() bool { return t.joined }

// Interfaces returns the names of the two interfaces in the order in which the
// tracker was started with them.
func (t *Tracker) Interfaces() [2]string {
	sides := t.interfaces()
	return [2]string{sides[0].Name, sides[1].Name}
}

// Notes returns sentences that the operator should read once: which mode was
// chosen and why, what was changed at the peers, that there are no pins.
func (t *Tracker) Notes() []string { return t.notes }
