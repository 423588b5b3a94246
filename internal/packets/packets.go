// Package packets writes the packets of the flows that match a filter as pcapng.
//
// A flow is captured while it matches. Flows that are there are marked by reading the
// table, new ones by the kernel, as far as the filter's protocol, addresses and ports
// tell; the rest of the filter is applied here, and marks that it does not want go.
package packets

import (
	"context"
	"fmt"
	"iter"
	"time"

	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/internal/pcapng"
	"ctop/tracker"
	"ctop/tracker/flow"
)

const (
	// scanEvery is how often the table is read for a filter whose matches change,
	// scanFixed how often for another one, where a mark may have been lost.
	scanEvery = time.Second
	scanFixed = 10 * time.Second
	// lag is how long a packet waits for older ones of other processors.
	lag = 100 * time.Millisecond
	// mostHeld is how many bytes of packets wait at most.
	mostHeld = 32 << 20
)

// Options say what to capture.
type Options struct {
	Filter filter.Filter
	// Snap is the most bytes of a packet, Rate the most packets in a second on each
	// processor.
	Snap, Rate int
	// Count is the number of packets after which it ends, 0 for no end.
	Count uint64
	// There fails when the tracker is gone.
	There func() error
	// Application and OS are named in the file.
	Application, OS string
	// Limit is the most bytes of a file, 0 for no limit.
	Limit int64
}

// Result is what a capture has done.
type Result struct {
	// Written packets are in the files, Lost ones matched the rules of the kernel and
	// were not handed over: beyond the rate, or not taken fast enough.
	Written uint64
	Lost    flow.PacketCounts
}

// String says it in words.
func (r Result) String() string {
	text := "captured " + format.Plural(int(r.Written), "packet")
	if r.Lost.Lost() > 0 {
		text += fmt.Sprintf("; missed %d beyond the rate and %d that came too fast to be written", r.Lost.OverBudget, r.Lost.NoRoom)
	}
	return text
}

// table is what a capture needs of a tracker.
type table interface {
	Interfaces() []string
	Linkless(in uint16) bool
	FlowOf(p *flow.Packet, as *flow.Snapshot) (f flow.Flow, ok bool)
	snapshots
}

// snapshots reads a table.
type snapshots interface {
	Snapshot() (*flow.Snapshot, error)
}

// copies are those of the packets of marked flows, as [tracker.Capture] has them.
type copies interface {
	Packets(ctx context.Context) iter.Seq2[*flow.Packet, error]
	Mark(ref flow.Ref, wanted bool) (lives bool, err error)
	Counts() (flow.PacketCounts, error)
	Renew() error
	Close()
}

// Writer writes the packets of one capture.
type Writer struct {
	options Options
	tracker table
	capture copies
	// sampler reads the table with rates.
	sampler snapshots
	file    *pcapng.Writer
	// known are the flows whose packets came, or that match.
	known map[flow.ID]*known
	// snapshot is the latest reading of the table, and wanted the filter for its
	// interfaces.
	snapshot *flow.Snapshot
	wanted   filter.Filter
	scanned  time.Time
	names    []string
	// interfaces are the numbers of the tracker's interfaces in the file, plus one.
	interfaces []int
	held       held
	// taken are the packets for the files, result those that are there.
	taken    uint64
	result   Result
	progress func(Result, int64)
}

// known is a flow and whether its packets are wanted.
type known struct {
	wanted, marked bool
	state          flow.State
	process        string
	// seen is when it was last in the table.
	seen time.Time
}

// NewWriter begins a capture. Its file is begun at once, so that a fault of the file is
// told before anything else happens.
func NewWriter(t *tracker.Tracker, to pcapng.Output, o Options) (*Writer, error) {
	w, err := newWriter(t, tracker.NewSampler(t), to, o)
	if err != nil {
		return nil, err
	}
	needs := o.Filter.Needs()
	if needs == nil {
		needs = []flow.Rule{{}}
	}
	w.capture, err = t.Capture(tracker.CaptureOptions{Snap: w.options.Snap, Rate: o.Rate, Rules: needs})
	return w, err
}

// newWriter begins the file.
func newWriter(t table, s snapshots, to pcapng.Output, o Options) (*Writer, error) {
	w := &Writer{options: o, tracker: t, sampler: s, known: map[flow.ID]*known{}, names: t.Interfaces()}
	if o.Limit > 0 {
		// The longest packet has to fit into a file.
		w.options.Snap = min(o.Snap, int(o.Limit/2))
	}
	var err error
	w.file, err = pcapng.NewWriter(to, pcapng.Options{Application: o.Application, OS: o.OS, Limit: o.Limit}, w.statistics)
	if err != nil {
		return nil, err
	}
	// A file without an interface is none for tcpdump.
	for i := range w.names {
		if _, err := w.interfaceOf(uint16(i)); err != nil {
			return nil, err
		}
	}
	return w, w.file.Flush()
}

// Progress sets a function that is called about once a second with the result so far,
// and with the size of the current file.
func (w *Writer) Progress(f func(Result, int64)) { w.progress = f }

// Run writes packets until ctx is done, the count is reached, the tracker is gone or the
// file cannot be written.
func (w *Writer) Run(ctx context.Context) (_ Result, err error) {
	defer w.capture.Close()
	err = w.run(ctx)
	if flushed := w.finish(); err == nil {
		err = flushed
	}
	w.result.Written = w.file.Packets()
	return w.result, err
}

func (w *Writer) run(ctx context.Context) error {
	if err := w.scan(); err != nil {
		return err
	}
	for p, err := range w.capture.Packets(ctx) {
		switch {
		case err != nil:
			return err
		case p == nil:
			err = w.tick(ctx)
		default:
			err = w.take(p)
		}
		if err != nil || w.full() {
			return err
		}
	}
	return nil
}

// full reports whether the count is reached.
func (w *Writer) full() bool {
	return w.options.Count > 0 && w.taken >= w.options.Count
}

// finish writes what is left, and the end of the file.
func (w *Writer) finish() error {
	err := w.release(time.Time{})
	w.count()
	if ending := w.file.Close(); err == nil {
		err = ending
	}
	return err
}

// take keeps a packet that is wanted until older ones have been written.
func (w *Writer) take(p *flow.Packet) error {
	k := w.flowOf(p)
	if !k.wanted {
		return nil
	}
	in, err := w.interfaceOf(p.In)
	if err != nil {
		return err
	}
	w.held.add(&pcapng.Packet{
		Time: p.Time, Interface: in, Outgoing: p.Outgoing, Length: p.Length, Data: p.Data, Comment: comment(p, k),
	})
	if w.held.size < mostHeld {
		return nil
	}
	return w.release(time.Time{})
}

// release writes the packets that are older than a time, all if it is zero.
func (w *Writer) release(before time.Time) error {
	for p := range w.held.until(before) {
		if w.full() {
			return nil
		}
		if err := w.file.Packet(p); err != nil {
			return err
		}
		w.taken++
	}
	return nil
}

// tick does what is to be done from time to time.
func (w *Writer) tick(ctx context.Context) error {
	if err := w.release(time.Now().Add(-lag)); err != nil {
		return err
	}
	if err := w.file.Flush(); err != nil || ctx.Err() != nil {
		return err
	}
	every := scanFixed
	if !w.options.Filter.Fixed() {
		every = scanEvery
	}
	if since := time.Since(w.scanned); since > every {
		return w.scan()
	} else if since < scanEvery {
		return nil
	}
	return w.look()
}

// look sees whether the tracker is there, and says that this process is.
func (w *Writer) look() error {
	if w.options.There != nil {
		if err := w.options.There(); err != nil {
			return err
		}
	}
	w.count()
	w.result.Written = w.file.Packets()
	if w.progress != nil {
		w.progress(w.result, w.file.Size())
	}
	return w.capture.Renew()
}

// count reads how many packets were lost. It keeps the last numbers if that fails.
func (w *Writer) count() {
	if c, err := w.capture.Counts(); err == nil {
		w.result.Lost = c
	}
}

// statistics are the numbers for the end of a file.
func (w *Writer) statistics() pcapng.Statistics {
	if w.capture != nil {
		w.count()
	}
	lost := w.result.Lost
	unwritten := w.taken - w.file.Packets()
	s := pcapng.Statistics{Time: time.Now(), Received: w.taken + lost.Lost(), Dropped: lost.Lost() + unwritten}
	if s.Dropped > 0 {
		s.Comment = fmt.Sprintf("of all interfaces; %d beyond the rate, %d came too fast to be written", lost.OverBudget, lost.NoRoom)
	}
	if unwritten > 0 {
		s.Comment += fmt.Sprintf(", %d found no room on the disk", unwritten)
	}
	return s
}

// interfaceOf returns the number of an interface in the file.
func (w *Writer) interfaceOf(in uint16) (int, error) {
	for len(w.interfaces) <= int(in) {
		w.interfaces = append(w.interfaces, 0)
	}
	if n := w.interfaces[in]; n > 0 {
		return n - 1, nil
	}
	if int(in) >= len(w.names) {
		w.names = w.tracker.Interfaces()
	}
	i := pcapng.Interface{Name: fmt.Sprintf("interface %d", in), Link: pcapng.LinkEthernet, Snap: uint32(w.options.Snap), Filter: w.options.Filter.String()}
	if int(in) < len(w.names) {
		i.Name = w.names[in]
	}
	if w.tracker.Linkless(in) {
		i.Link = pcapng.LinkRaw
	}
	n, err := w.file.AddInterface(i)
	w.interfaces[in] = n + 1
	return n, err
}
