package tracker

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"ctop/tracker/collect"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
	"ctop/tracker/nat"
	"ctop/tracker/netdev"
	"ctop/tracker/owner"
)

// Tracker is a tracker that this process attached or joined. Its methods are
// safe for concurrent use.
type Tracker struct {
	objects     *kernel.Objects
	table       *kernel.Table
	readers     *kernel.Readers
	captures    *kernel.Captures
	names       names
	attachments *netdev.Attachments
	hold        *owner.Hold
	// who finds the processes behind flows. It is nil in processes that do not own
	// the tracker, and where that is not possible.
	who   *kernel.Who
	notes []string
	// holding finds who has the sockets of flows that somebody looks at.
	holding holding
	log     *slog.Logger
	// translations are how the machine translates addresses. untranslated is set once
	// they could not be read.
	translations nat.Cache
	untranslated atomic.Bool
}

// newTracker returns a tracker made of its parts.
func newTracker(k *kernel.Objects, h *owner.Hold, log *slog.Logger, connection string) (*Tracker, error) {
	table, err := kernel.NewTable(k)
	if err != nil {
		return nil, err
	}
	t := &Tracker{
		objects: k, table: table, readers: kernel.NewReaders(table, h.LockReader), hold: h, log: log,
		captures:    kernel.NewCaptures(table, h.LockCapture),
		attachments: netdev.NewAttachments(k, table, h, h.Dir(), connection),
	}
	t.attachments.UpdateLocals()
	return t, nil
}

// Close ends this process's use of the tracker. If no other process uses it and
// Keep is not set, Close detaches the programs, restores the settings and
// removes the pins. Otherwise the tracker keeps running and one of its users
// becomes the owner. A process that only reads ([Join]) never ends the tracker.
// Close may be called more than once.
func (t *Tracker) Close() error {
	ended, err := t.close()
	if ended {
		owner.UnmountBPFFS()
	}
	return err
}

// close is [Tracker.Close], but leaves the BPF file system mounted for another
// attempt to attach. ended is true if the tracker was detached.
func (t *Tracker) close() (ended bool, err error) {
	if !t.hold.BeginClose() {
		return false, nil
	}
	t.readers.Close()
	t.names.end()
	t.captures.Close()
	ended, err = t.hold.Leave(t.attachments.Links())
	t.attachments.Close()
	t.holding.close()
	if t.who != nil {
		t.who.Close()
	}
	t.objects.Close()
	t.hold.Release()
	return ended, err
}

// Down detaches the tracker on the given interfaces, no matter which process
// owns it, restores the settings and removes its pins and files. It returns
// [ErrNotRunning] if there is none.
func Down(ctx context.Context, interfaces ...string) error { return owner.Down(ctx, interfaces...) }

// All stands for all interfaces, in place of names.
const All = netdev.All

// Holding returns the names by which to join the tracker that has an interface, nil if
// there is none.
func Holding(name string) ([]string, error) { return owner.Holding(name) }

// Running returns the interfaces of each tracker in this network namespace.
func Running() ([][]string, error) { return owner.List() }

// InterfaceName returns the name of the interface in this network namespace
// that has the given name or alternative name (ip link property add altname).
// It returns an error if there is no such interface.
func InterfaceName(name string) (string, error) { return netdev.InterfaceName(name) }

// Joined reports whether the tracker was already running.
func (t *Tracker) Joined() bool { return t.hold.Joined() }

// Interfaces returns the names of the interfaces in the order given at the
// start.
func (t *Tracker) Interfaces() []string {
	var names []string
	for _, p := range netdev.PerInterface(t.hold.Points()) {
		names = append(names, p.Name)
	}
	return names
}

// Named returns the interfaces as they are named to join the tracker or to take it down:
// [netdev.All] for one that follows all of them.
func (t *Tracker) Named() []string {
	if t.hold.Follow() != nil {
		return []string{netdev.All}
	}
	return t.Interfaces()
}

// Notes returns sentences for the operator about the opening, such as the
// chosen mode and the reason, changed settings and missing pins.
func (t *Tracker) Notes() []string { return t.notes }

// Gone reports whether another process detached the tracker. It is also true if
// a new tracker has taken its place.
func (t *Tracker) Gone() bool { return t.hold.Gone() }

// Ends reports whether Close would end the tracker now. That is so if this
// process is the owner or would become it, no other process uses the tracker,
// and Keep is not set.
func (t *Tracker) Ends() bool { return t.hold.Ends() }

// Kept reports whether the tracker keeps running when this process, its owner,
// closes it.
func (t *Tracker) Kept() bool { return t.hold.Kept() }

// Keepable reports whether the tracker can run without a process.
func (t *Tracker) Keepable() bool { return t.hold.Keepable() }

// Keep makes the tracker outlive this process, like [Options.Keep].
func (t *Tracker) Keep() error { return t.hold.Keep() }

// HandOver leaves a tracker that is [Tracker.Keepable] to the next process: Close
// neither ends it, nor makes it outlive that one.
func (t *Tracker) HandOver() { t.hold.HandOver() }

// PeersInProcesses reports whether the mode changes a veth peer whose network
// namespace has no name, or may have none when the interface comes back. Such a
// namespace can be entered only through /proc of one of its processes.
func (t *Tracker) PeersInProcesses() bool {
	return slices.ContainsFunc(t.hold.Points(), netdev.Point.NeedsPeerInProcess)
}

// Snapshot reads the whole table. Rates are zero: a [Sampler] or [Collector]
// computes them from two snapshots.
func (t *Tracker) Snapshot() (*flow.Snapshot, error) { return t.snapshot(nil) }

// snapshot reads the table, and sets the rates if r is not nil.
func (t *Tracker) snapshot(r *kernel.Rates) (*flow.Snapshot, error) {
	return t.look(func(c kernel.Clock) (*flow.Snapshot, error) { return t.table.Read(c, r) })
}

// Status returns a snapshot without flows. It does not read the table.
func (t *Tracker) Status() (*flow.Snapshot, error) { return t.look(t.table.Status) }

// look calls read with the current clock and adds the tracker's own data to the
// snapshot.
func (t *Tracker) look(read func(kernel.Clock) (*flow.Snapshot, error)) (*flow.Snapshot, error) {
	started := time.Now()
	c, err := t.table.ReadClock()
	if err != nil {
		return nil, err
	}
	t.hold.Refresh()
	t.attachments.UpdateLocals()
	s, err := read(c)
	if err != nil {
		return nil, err
	}
	d := t.hold.Description()
	s.Host, _ = os.Hostname()
	s.Uptime, s.MaxFlows, s.Checksums = time.Duration(c.Ns-d.StartedNs), d.MaxFlows, d.Checksums
	t.attachments.Report(s)
	t.translate(s)
	s.Naming, _ = t.Naming()
	s.Pair = d.PairAt(c.Ns)
	s.Warnings = s.Warnings.Add(s.Pair.Warnings()...)
	s.Took = time.Since(started)
	return s, nil
}

// Act implements [flow.Actor]. It does not interrupt an act when ctx is done.
func (t *Tracker) Act(ctx context.Context, act flow.Act) (flow.Outcome, error) {
	return t.table.Act(ctx, act)
}

// Events returns the events from now on until ctx is done, as [collect.Events]
// does. Every caller gets all events. At most eight callers in all processes
// may read at the same time.
func (t *Tracker) Events(ctx context.Context) iter.Seq2[flow.Event, error] {
	return collect.Events(ctx, source{t}, func() {})
}

// Partner returns the table as a pair sees it.
func (t *Tracker) Partner() (*kernel.Partner, error) { return t.table.Partner() }

// SetPair says what is known of the other tracker of the pair, to all who look at this
// one. After five seconds without another word it does not count any more.
func (t *Tracker) SetPair(p flow.Pair) error {
	now, err := t.objects.Now()
	if err != nil {
		return err
	}
	return t.hold.SetPair(p, now)
}

// Owned reports whether this process owns the tracker.
func (t *Tracker) Owned() bool { return source{t}.Owned() }

// Change is something that happened to an own flow, or a mark.
type Change = kernel.Change

// Changes calls visit with what happens to own flows, not to those of a partner, until
// ctx is done, and with a mark after all that happened in some fifty milliseconds. listens is
// called when nothing is missed from then on. An event that is lost is not found again here.
func (t *Tracker) Changes(ctx context.Context, listens func(), visit func(kernel.Change)) error {
	return t.readers.Changes(ctx, listens, visit)
}

// CountsOctets reports whether the tracker counts the octets of IP packets.
func (t *Tracker) CountsOctets() bool { return t.table.CountsOctets() }

// Part calls visit with the flows at n places of the table from one on, as updates. It
// reports whether there are places after these.
func (t *Tracker) Part(from, n int, visit func(*flow.Event)) (more bool, err error) {
	return t.table.Part(from, n, visit)
}

// Traces returns a record of every packet from now on until ctx is done.
// Records of one CPU are in order, and Lost counts missing ones. This process
// must have opened the tracker with [Options.Trace]. Only one caller may read
// at a time.
func (t *Tracker) Traces(ctx context.Context) iter.Seq2[flow.Trace, error] {
	if !t.objects.Traced() {
		return func(yield func(flow.Trace, error) bool) { yield(flow.Trace{}, errNotTraced(t.Named())) }
	}
	return t.table.Traces(ctx)
}

// errNotTraced returns the error for a tracker without [Options.Trace].
func errNotTraced(names []string) error {
	return fmt.Errorf("trace the tracker at %s: it runs without tracing, and --trace needs other programs: "+
		"\"ctop down %s\" ends it (a wire then forwards nothing); then begin again with --trace", strings.Join(names, " and "), strings.Join(names, " "))
}
