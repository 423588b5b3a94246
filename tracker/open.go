package tracker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"ctop/bpf"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
	"ctop/tracker/netdev"
	"ctop/tracker/owner"
)

// Open attaches a tracker between two interfaces, or to interfaces that it watches, or
// joins the one that runs there, in which case the options other than Interfaces and
// Watch do not apply. ctx only
// bounds the opening.
func Open(ctx context.Context, o Options) (*Tracker, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := kernel.Check(); err != nil {
		return nil, err
	}
	if _, err := o.find(); err != nil && !o.follows() { // a running one has them all
		return nil, err
	}
	t, err := joinOrAttach(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.Trace && t.Joined() {
		return nil, errors.Join(errNotTraced(t.Named()), t.Close())
	}
	return t, nil
}

// Join joins the tracker between the two interfaces, in either order. Without
// interfaces it joins the only tracker that runs. If the tracker is being
// attached, Join waits for it.
func Join(ctx context.Context, interfaces ...string) (*Tracker, error) {
	return joinRunning(ctx, slog.New(slog.DiscardHandler), interfaces, join)
}

// Share is like [Join], but this process may become the owner: at once if there
// is none, or when the owner ends, but that of a pair has a minute to come back. Unlike
// [Open] it never attaches.
func Share(ctx context.Context, log *slog.Logger, interfaces ...string) (*Tracker, error) {
	return joinRunning(ctx, log, interfaces, joinOrAwait)
}

func joinRunning(
	ctx context.Context, log *slog.Logger, interfaces []string, join func(context.Context, string, *slog.Logger) (*Tracker, error),
) (*Tracker, error) {
	where, err := owner.Running(interfaces)
	if err != nil {
		return nil, err
	}
	t, err := join(ctx, where.Dir(), log)
	if err != nil {
		where.Close()
		return nil, err
	}
	t.hold.KeepReach(where)
	return t, nil
}

// joinOrAttach joins the tracker between the interfaces, or attaches one. If
// several processes do so at the same time, one attaches and the others join.
func joinOrAttach(ctx context.Context, o Options) (*Tracker, error) {
	var notes []string
	var rival error // why attaching failed, where that may be because of another process
	for deadline := time.Now().Add(owner.AttachTime); ; {
		where, said := preparePins(o)
		t, err := openAt(ctx, o, where, rival == nil)
		if err == nil {
			t.hold.KeepReach(where)
			t.notes = slices.Concat(notes, said, t.notes)
			return t, nil
		}
		again := false
		switch {
		case errors.Is(err, owner.ErrPinsMissing) && ctx.Err() == nil && time.Now().Before(deadline):
			note, failed := owner.ClearKilled(where.Dir())
			if again = failed == nil; !again {
				err = failed
			}
			if note != "" {
				notes = append(notes, note)
			}
		case where.Dir() != "" && rival == nil && (errors.Is(err, owner.ErrClaimed) || errors.Is(err, ErrBusy)):
			rival, again = err, true
		case rival != nil && errors.Is(err, ErrNotRunning):
			err = rival
		}
		where.Close()
		owner.UnmountBPFFS()
		if !again {
			return nil, err
		}
	}
}

// preparePins returns the site of the tracker, or of a new one. The site is
// empty if the tracker is not pinned; the notes give the reason.
func preparePins(o Options) (where owner.Site, notes []string) {
	if o.NoPin {
		return owner.Site{}, nil
	}
	where, notes, err := owner.Prepare(o.Interfaces...)
	if err != nil {
		text := strings.ReplaceAll(err.Error(), "\n", "; ")
		return owner.Site{}, []string{fmt.Sprintf("running without pins: %s; the tracker ends with this process, and no other ctop can join it", text)}
	}
	return where, notes
}

// openAt joins the tracker at the site, or attaches one there if mayAttach is
// set.
func openAt(ctx context.Context, o Options, where owner.Site, mayAttach bool) (*Tracker, error) {
	if where.Dir() != "" {
		if err := owner.CheckRole(where.Dir(), o.Watch); err != nil {
			return nil, err
		}
		t, err := joinOrAdopt(ctx, where.Dir(), o.Log)
		if !errors.Is(err, ErrNotRunning) || errors.Is(err, owner.ErrPinsMissing) || !mayAttach {
			return t, err
		}
	}
	said := owner.ClearJournals()
	// What the interfaces carried may have been detached since.
	devices, err := o.find()
	if err != nil {
		return nil, err
	}
	t, err := attachNew(ctx, o, devices, where.Dir())
	if err != nil {
		return nil, err
	}
	t.notes = append(said, t.notes...)
	return t, nil
}

// join joins the tracker that is pinned in dir.
func join(ctx context.Context, dir string, log *slog.Logger) (*Tracker, error) {
	hold, objects, err := owner.Join(ctx, dir)
	if err != nil {
		return nil, err
	}
	t, err := newTracker(objects, hold, log, "")
	if err != nil {
		objects.Close()
		return nil, err
	}
	return t, nil
}

// joinOrAdopt joins the tracker that is pinned in dir. If it has no owner, this
// process becomes the owner.
func joinOrAdopt(ctx context.Context, dir string, log *slog.Logger) (*Tracker, error) {
	t, err := join(ctx, dir, log)
	if err != nil {
		return nil, err
	}
	t.hold.Use()
	t.adopt(ctx)
	return t, nil
}

// joinOrAwait is joinOrAdopt, but leaves the tracker of a pair to who tells the partner.
func joinOrAwait(ctx context.Context, dir string, log *slog.Logger) (*Tracker, error) {
	t, err := join(ctx, dir, log)
	if err != nil {
		return nil, err
	}
	t.hold.Use()
	if !t.awaitsPair() {
		t.adopt(ctx)
	}
	return t, nil
}

// adopt makes this process the owner of a tracker that has none.
func (t *Tracker) adopt(ctx context.Context) {
	if t.hold.Adopt(); !t.hold.Owned() {
		return
	}
	t.notes = append(t.notes, "took over a tracker without an owner, with its flows")
	if err := t.upgrade(false); err != nil {
		t.notes = append(t.notes, fmt.Sprintf("it continues with the programs of another version: %v", err))
	}
	t.notes = append(t.notes, t.findProcesses(ctx)...)
}

// attachNew attaches a tracker completely or not at all.
func attachNew(ctx context.Context, o Options, devices []*netdev.Device, dir string) (*Tracker, error) {
	if err := owner.CheckFree(o.Interfaces); err != nil {
		return nil, err
	}
	for _, d := range devices {
		if err := d.Check(owner.Occupied); err != nil {
			return nil, err
		}
		if o.filter {
			d.UseFilter()
		}
	}
	if o.Watch {
		return watchNew(ctx, o, devices, dir)
	}
	forced, err := netdev.Guard(devices, o.SSHConnection, o.Force)
	if err != nil {
		return nil, err
	}
	notes, err := netdev.ChooseMode(o.Mode, devices)
	if err != nil {
		return nil, err
	}
	t, err := attachDevices(ctx, o, devices, dir)
	if err != nil && o.Mode == flow.ModeAuto && netdev.LacksNative(devices, err) {
		if notes, err = netdev.TCInstead(devices, err); err != nil {
			return nil, err
		}
		t, err = attachDevices(ctx, o, devices, dir)
	}
	if err != nil {
		return nil, err
	}
	t.notes = slices.Concat(t.notes, notes, forced, t.attachments.MTUWarnings().Sentences())
	return t, nil
}

// watchNew makes a tracker that watches, all of it or nothing. It takes no packet from
// the machine, so nothing is guarded but the operator's own session where packets are
// dropped.
func watchNew(ctx context.Context, o Options, devices []*netdev.Device, dir string) (*Tracker, error) {
	var forced []string
	if o.Policy == flow.PolicyEnforce {
		var err error
		if forced, err = netdev.GuardSession(devices, o.SSHConnection, o.Force); err != nil {
			return nil, err
		}
	}
	if err := netdev.PrepareWatched(devices); err != nil {
		return nil, err
	}
	t, err := attachDevices(ctx, o, devices, dir)
	if err != nil {
		return nil, err
	}
	t.notes = slices.Concat(t.notes, forced, t.attachments.Behind())
	return t, nil
}

// attachDevices makes a tracker in the mode of the interfaces. Where it fails the BPF
// file system stays: who mounted it knows what comes next.
func attachDevices(ctx context.Context, o Options, devices []*netdev.Device, dir string) (*Tracker, error) {
	k, err := kernel.Load(kernel.Options{
		MaxFlows:          o.MaxFlows,
		CompleteChecksums: netdev.CompleteChecksums(devices),
		Tracing:           o.Trace,
		VerifyChecksums:   o.Checksums,
		Watch:             o.Watch,
		Naming:            o.Watch && !o.NoProcesses,
		Octets:            o.Octets,
		Cgroup:            cgroupOr(o.Cgroup),
	})
	if err != nil {
		return nil, err
	}
	t, err := describe(o, k, devices, dir)
	if err != nil {
		k.Close()
		return nil, err
	}
	t.attachments.ReturnTime = o.returnTime
	if err := t.attach(ctx, o, devices); err != nil {
		t.hold.Forget()
		_, failed := t.close()
		return nil, errors.Join(err, failed)
	}
	return t, nil
}

// describe returns a tracker that is not attached yet, with its description and
// the settings that it will change.
func describe(o Options, k *kernel.Objects, devices []*netdev.Device, dir string) (*Tracker, error) {
	d := owner.Description{
		Layout: kernel.CurrentLayout(), Follow: o.follow(), MaxFlows: o.MaxFlows, Keep: o.Keep, Checksums: o.Checksums,
		Cgroup: o.Cgroup, Programs: bpf.Fingerprint(),
	}
	var points []netdev.Point
	for _, device := range devices {
		p, err := device.Describe()
		if err != nil {
			return nil, kernel.ExplainPermission("prepare "+device.Name(), fmt.Errorf("prepare %s: %w", device.Name(), err))
		}
		points = append(points, p)
	}
	d.Interfaces = points
	if !o.Watch {
		d.Interfaces = netdev.Wire(points[0], points[1])
	}
	var err error
	if d.StartedNs, err = k.Now(); err != nil {
		return nil, err
	}
	return newTracker(k, owner.New(k, d, dir), o.Log, o.SSHConnection)
}

// attach performs the steps that Close undoes.
func (t *Tracker) attach(ctx context.Context, o Options, devices []*netdev.Device) error {
	steps := []func() error{
		func() error { return t.configure(o) },
		t.hold.Describe,
		t.noting(t.hold.Pin),
		t.noting(func() ([]string, error) { return t.hold.OpenJournal(), nil }),
		t.noting(t.attachments.ChangeSettings),
		t.noting(func() ([]string, error) { return t.attachments.CountUnsent(), ctx.Err() }),
		t.noting(func() ([]string, error) { return t.findProcesses(ctx), ctx.Err() }),
		func() error { return t.attachments.Attach(devices) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// noting returns a step that appends its notes to those of the tracker.
func (t *Tracker) noting(step func() ([]string, error)) func() error {
	return func() error {
		notes, err := step()
		t.notes = append(t.notes, notes...)
		return err
	}
}

// configure writes the interfaces, the policy and the timeouts to the programs'
// configuration.
func (t *Tracker) configure(o Options) error {
	if err := t.table.Configure(o.Policy, o.Timeouts); err != nil {
		return err
	}
	for i, p := range t.hold.Points() {
		if err := t.attachments.SetInterface(i, p.Index); err != nil {
			return fmt.Errorf("configure %s: %w", p.Name, err)
		}
	}
	return nil
}

// upgrade replaces the attached programs of another version by those of this version.
// The kernel replaces each one atomically. Maps stay, and with them flows, counters and
// timeouts. upgrade can be repeated, so it may be interrupted anywhere.
//
// While a collector runs, only the attached programs are replaced. Several goroutines
// use the programs that user space runs, so the old ones stay until the process ends.
func (t *Tracker) upgrade(running bool) error {
	if t.hold.IsCurrent() {
		return nil
	}
	d := t.hold.Description()
	programs, err := t.objects.Reload(kernel.Options{
		MaxFlows: d.MaxFlows, CompleteChecksums: d.CompletesChecksums(), VerifyChecksums: d.Checksums,
		Watch: netdev.IsWatch(d.Interfaces), Naming: t.objects.NamesProcesses(),
		Octets: t.objects.CountsOctets(),
	})
	if err != nil {
		return err
	}
	defer programs.Close()
	if err := t.attachments.Exchange(programs); err != nil {
		return err
	}
	if err := programs.Repin(t.hold.Dir()); err != nil {
		return err
	}
	t.notes = append(t.notes, t.attachments.CountUnsent()...)
	t.objects.Replace(programs, !running)
	return t.hold.SetCurrent()
}
