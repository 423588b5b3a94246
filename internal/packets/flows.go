package packets

import (
	"fmt"
	"strings"
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// forgetAfter is how long a flow is kept in mind that is not in the table any more:
// packets of it may still come.
const forgetAfter = 5 * time.Second

// scan reads the table, and marks the flows that match.
func (w *Writer) scan() (err error) {
	if w.options.Filter.WantsRates() {
		w.snapshot, err = w.sampler.Snapshot()
	} else {
		w.snapshot, err = w.tracker.Snapshot()
	}
	if err != nil {
		return err
	}
	w.scanned = time.Now()
	w.wanted = w.options.Filter.For(w.snapshot)
	for i := range w.snapshot.Flows {
		f := &w.snapshot.Flows[i]
		k := w.known[f.ID]
		match := w.wanted.Match(f)
		if k == nil && !match {
			continue
		}
		if k == nil {
			k = new(known)
			w.known[f.ID] = k
		}
		k.is(f, match)
		if err := w.mark(k, f.Ref()); err != nil {
			return err
		}
	}
	for id, k := range w.known {
		if w.scanned.Sub(k.seen) > forgetAfter {
			delete(w.known, id)
		}
	}
	return w.look()
}

// is notes what a flow is now.
func (k *known) is(f *flow.Flow, wanted bool) {
	k.wanted, k.state, k.seen = wanted, f.State, time.Now()
	if process := processOf(f); process != "" {
		k.process = process
	}
}

// mark lets the kernel do what is wanted of a flow.
func (w *Writer) mark(k *known, ref flow.Ref) error {
	if k.wanted == k.marked {
		return nil
	}
	_, err := w.capture.Mark(ref, k.wanted)
	k.marked = k.wanted
	return err
}

// flowOf returns what is known of a packet's flow, which is looked up if it is new or
// its state has changed.
func (w *Writer) flowOf(p *flow.Packet) *known {
	k := w.known[p.Ref.ID]
	if k != nil && (k.state == p.To || p.To == flow.StateNone) && (k.process != "" || p.Holding.Process == nil) {
		return k
	}
	if k == nil {
		k = &known{marked: true, seen: time.Now()} // marked, since it came
		w.known[p.Ref.ID] = k
	}
	f, ok := w.tracker.FlowOf(p, w.snapshot)
	if !ok {
		f = endedFlow(p)
	}
	if f.Holding.Process == nil {
		f.Holding = p.Holding
	}
	k.is(&f, w.wanted.Match(&f))
	k.state = p.To
	if err := w.mark(k, p.Ref); err != nil {
		k.marked = !k.wanted // the next scan tries again
	}
	return k
}

// endedFlow returns the flow of a packet that has ended meanwhile, with what the packet
// tells of it.
func endedFlow(p *flow.Packet) flow.Flow {
	f := flow.Flow{ID: p.Ref.ID, Tuple: p.Ref.Tuple, State: p.To, In: p.In, Outgoing: p.Outgoing}
	if p.To == flow.StateNone {
		f.State = p.From
	}
	if p.Direction == flow.Reply {
		f.Outgoing = !p.Outgoing && p.Ref.Tuple.Zone != 0
		if p.Ref.Tuple.Zone == 0 {
			f.In = 1 - p.In
		}
	}
	return f
}

func processOf(f *flow.Flow) string {
	p := f.Holding.Process
	if p == nil {
		return ""
	}
	// Spaces part the words of a comment.
	return fmt.Sprintf(" process=%s pid=%d", strings.ReplaceAll(format.Clean(p.Name), " ", "_"), p.PID)
}

// comment says what the tracker knows of a packet.
func comment(p *flow.Packet, k *known) string {
	var b strings.Builder
	fmt.Fprintf(&b, "flow=%s state=%s", p.Ref.ID, stateOf(p))
	fmt.Fprintf(&b, " direction=%s verdict=%s", p.Direction, p.Verdict)
	if p.Verdict == flow.VerdictInvalid {
		fmt.Fprintf(&b, " reason=%s", p.Invalid)
	}
	if p.Dropped {
		b.WriteString(" action=dropped")
	}
	b.WriteString(k.process)
	return b.String()
}

// stateOf returns the state of a packet's flow, before and after it if it changed that.
func stateOf(p *flow.Packet) string {
	switch {
	case p.From == p.To, p.From == flow.StateNone:
		return p.To.String()
	case p.To == flow.StateNone:
		return p.From.String() + ">ended"
	}
	return p.From.String() + ">" + p.To.String()
}
