package tracker

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"ctop/tracker/collect"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
	"ctop/tracker/netdev"
	"ctop/tracker/owner"
)

// Tracker is one tracker, attached by this process or joined. Its methods may be
// called from any goroutine.
type Tracker struct {
	objects     *kernel.Objects
	table       *kernel.Table
	readers     *kernel.Readers
	attachments *netdev.Attachments
	hold        *owner.Hold
	notes       []string
	log         *slog.Logger
}

// newTracker puts the parts of a tracker together.
func newTracker(k *kernel.Objects, h *owner.Hold, log *slog.Logger, connection string) (*Tracker, error) {
	table, err := kernel.NewTable(k)
	if err != nil {
		return nil, err
	}
	return &Tracker{
		objects: k, table: table, readers: kernel.NewReaders(table, h.LockReader), hold: h, log: log,
		attachments: netdev.NewAttachments(k, table, h, h.Dir(), connection),
	}, nil
}

// Close ends the process's part in the tracker. The last one to use it, unless it
// is to be kept, detaches the programs, puts back what was changed and removes
// the pins; while others use it, it goes on, and one of them becomes its owner.
// Who only joined to read ([Join]) ends nothing. Close may be called more than
// once.
func (t *Tracker) Close() error {
	ended, err := t.close()
	if ended {
		owner.UnmountBPFFS()
	}
	return err
}

// close is [Tracker.Close] without the BPF file system: another attempt to attach
// may want that. ended is true where the tracker was ended here and now.
func (t *Tracker) close() (ended bool, err error) {
	if !t.hold.BeginClose() {
		return false, nil
	}
	t.readers.Close()
	ended, err = t.hold.Leave(t.attachments.Links())
	t.attachments.Close()
	t.objects.Close()
	t.hold.Release()
	return ended, err
}

// Down detaches the tracker of a set of interfaces, whoever owns it, puts back what it
// changed and removes all that it left.
func Down(ctx context.Context, interfaces ...string) error { return owner.Down(ctx, interfaces...) }

// Running returns the interfaces of each tracker that runs in this network namespace.
func Running() ([][]string, error) { return owner.List() }

// InterfaceName returns the name of the interface in this network namespace that
// has the name, or the alternative name (ip link property add altname). Without
// one it returns an error.
func InterfaceName(name string) (string, error) { return netdev.InterfaceName(name) }

// Joined reports whether the tracker was already running.
func (t *Tracker) Joined() bool { return t.hold.Joined() }

// Interfaces returns the names of the interfaces in the order in which the tracker was
// started with them.
func (t *Tracker) Interfaces() []string {
	var names []string
	for _, p := range netdev.PerInterface(t.hold.Points()) {
		names = append(names, p.Name)
	}
	return names
}

// Notes returns sentences that the operator should read once: which mode was
// chosen and why, what was changed at the peers, that there are no pins.
func (t *Tracker) Notes() []string { return t.notes }

// Gone reports whether somebody took the tracker down, be it that another one was
// attached since.
func (t *Tracker) Gone() bool { return t.hold.Gone() }

// Ends reports whether the tracker would end if this process closed it now: this
// process owns it, or would inherit it, nobody else uses it, and it is not to be
// kept.
func (t *Tracker) Ends() bool { return t.hold.Ends() }

// Kept reports whether the tracker goes on running when this process, which owns
// it, closes it.
func (t *Tracker) Kept() bool { return t.hold.Kept() }

// Keepable reports whether the tracker can go on without a process.
func (t *Tracker) Keepable() bool { return t.hold.Keepable() }

// Keep leaves the tracker running when it is closed, as [Options.Keep] does.
func (t *Tracker) Keep() error { return t.hold.Keep() }

// PeersInProcesses reports whether a mode needs the other end of a veth pair that is in
// a network namespace without a name, or may be in one when it comes back. The way
// there leads through a process of that namespace.
func (t *Tracker) PeersInProcesses() bool {
	return slices.ContainsFunc(t.hold.Points(), netdev.Point.NeedsPeerInProcess)
}

// Snapshot reads the whole table once. Rates are zero: they take two snapshots,
// which is what a [Sampler] and a [Collector] are for.
func (t *Tracker) Snapshot() (*flow.Snapshot, error) { return t.look(t.table.Read) }

// Status returns a snapshot without flows, for which the table is not read.
func (t *Tracker) Status() (*flow.Snapshot, error) { return t.look(t.table.Status) }

// look returns what read gives, as of the instant when it begins, with the tracker's
// own facts.
func (t *Tracker) look(read func(kernel.Clock) (*flow.Snapshot, error)) (*flow.Snapshot, error) {
	started := time.Now()
	c, err := t.table.ReadClock()
	if err != nil {
		return nil, err
	}
	s, err := read(c)
	if err != nil {
		return nil, err
	}
	d := t.hold.Description()
	s.Host, _ = os.Hostname()
	s.Uptime, s.MaxFlows, s.Checksums = time.Duration(c.Ns-d.StartedNs), d.MaxFlows, d.Checksums
	t.attachments.Report(s)
	s.Took = time.Since(started)
	return s, nil
}

// Act implements [flow.Actor]. An act that has begun is not interrupted when ctx
// is done.
func (t *Tracker) Act(ctx context.Context, act flow.Act) (flow.Outcome, error) {
	return t.table.Act(ctx, act)
}

// Events returns the events from now on until ctx is done ([collect.Events]). Every
// caller gets all events; at most eight may read at once.
func (t *Tracker) Events(ctx context.Context) iter.Seq2[flow.Event, error] {
	return collect.Events(ctx, source{t}, func() {})
}

// Traces returns every packet from now on until ctx is done, in the order in which
// each CPU saw them, with a Lost where some are missing. The tracker must have
// been opened by this process with [Options.Trace], and one may read at a time.
func (t *Tracker) Traces(ctx context.Context) iter.Seq2[flow.Trace, error] {
	if !t.objects.Traced() {
		return func(yield func(flow.Trace, error) bool) { yield(flow.Trace{}, errNotTraced(t.Interfaces())) }
	}
	return t.table.Traces(ctx)
}

// errNotTraced says why a tracker cannot be traced.
func errNotTraced(names []string) error {
	return fmt.Errorf("trace the tracker between %s: it runs without tracing, which is compiled into its programs: "+
		"\"ctop down %s\" ends it, and its forwarding; then begin again with --trace", strings.Join(names, " and "), strings.Join(names, " "))
}
