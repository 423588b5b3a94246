package tracker

import (
	"context"
	"fmt"
	"iter"
	"time"

	"ctop/ringbuf"
)

// Verdict is what tracking concluded about one packet.
type Verdict uint8

// The verdicts, a closed set.
const (
	VerdictNew Verdict = iota
	VerdictEstablished
	VerdictRelated
	VerdictInvalid
	VerdictUntracked
	numVerdicts
)

var verdictNames = [numVerdicts]string{"new", "established", "related", "invalid", "untracked"}

// String returns the verdict's name as every output spells it.
func (v Verdict) String() string {
	if v < numVerdicts {
		return verdictNames[v]
	}
	return "unknown"
}

// PacketKind says how a packet was understood.
type PacketKind uint8

// The kinds, a closed set.
const (
	// PacketFlow belongs to a flow or may begin one.
	PacketFlow PacketKind = iota
	// PacketUntracked is not for a tracker to judge; [Trace.Untracked] says why.
	PacketUntracked
	// PacketFragment is a fragment other than the first.
	PacketFragment
	// PacketError is an ICMP error; the tuple is that of the packet it quotes.
	PacketError
	// PacketMalformed has a header that is cut short or lies about a length.
	PacketMalformed
	numPacketKinds
)

var packetKindNames = [numPacketKinds]string{"flow", "untracked", "fragment", "error", "malformed"}

// String returns the kind's name as every output spells it.
func (k PacketKind) String() string {
	if k < numPacketKinds {
		return packetKindNames[k]
	}
	return "unknown"
}

// Trace is one packet and what was made of it.
type Trace struct {
	Time time.Time
	// Lost, where not zero, says how many packets are missing here; the rest is
	// empty then.
	Lost uint64
	// Tuple is the packet's own, Flow the id of its flow, zero where there is
	// none afterwards, and Direction its way in that.
	Tuple     Tuple
	Flow      FlowID
	Direction Direction
	// In is the index of the interface that it came in by.
	In   uint8
	Kind PacketKind
	// TCP: flags as in the header, numbers as they are on the wire.
	Flags    uint8
	Seq, Ack uint32
	Window   uint16
	// Payload is what a TCP segment carries, Bytes the whole packet, in bytes;
	// Segments is more than one where the packet stands for many.
	Payload, Bytes, Segments uint32
	Verdict                  Verdict
	// Invalid is why the verdict is VerdictInvalid.
	Invalid Invalid
	// Untracked is why the verdict is VerdictUntracked.
	Untracked Untracked
	// Dropped says that the policy did not let it through.
	Dropped bool
	// From and To are the flow's states before and after.
	From, To State
}

// Reason returns why the packet is invalid or untracked, by the name that every
// output spells, and nothing where it is neither.
func (t *Trace) Reason() string {
	switch t.Verdict {
	case VerdictInvalid:
		return t.Invalid.String()
	case VerdictUntracked:
		return t.Untracked.String()
	}
	return ""
}

// Matching returns the packet's flow, as far as a trace knows it, for a filter to
// look at: the tuple is that of the flow's origin.
func (t *Trace) Matching() *Flow {
	f := &Flow{ID: t.Flow, Tuple: t.Tuple, State: t.To, In: t.In}
	if t.To == StateNone {
		f.State = t.From
	}
	if t.Direction == Reply {
		f.Tuple, f.In = t.Tuple.Reverse(), 1-t.In
	}
	return f
}

// traceRing is the room for packets that wait to be read: some 100,000.
const traceRing = 16 << 20

// errNotTraced says why a tracker between two interfaces cannot be traced.
func errNotTraced(names [2]string) error {
	return fmt.Errorf("trace the tracker between %s and %s: it runs without tracing, which is compiled into its programs: "+
		"\"ctop down %[1]s %[2]s\" ends it, and its forwarding; then begin again with --trace", names[0], names[1])
}

// Traces returns every packet from now on until ctx is done, in the order in which
// each CPU saw them, with a Lost where some are missing. The tracker must have
// been opened by this process with [Options.Trace], and one may read at a time.
func (t *Tracker) Traces(ctx context.Context) iter.Seq2[Trace, error] {
	return func(yield func(Trace, error) bool) {
		if t.kernel.traces == nil {
			yield(Trace{}, errNotTraced(t.Interfaces()))
			return
		}
		reader, err := ringbuf.NewReader(t.kernel.traces, traceSequence, nil)
		if err != nil {
			yield(Trace{}, err)
			return
		}
		defer func() { _ = reader.Close() }()
		var c clock
		for record, err := range reader.Records(ctx) {
			if err == nil && time.Since(c.wall) > clockRefresh {
				c, err = t.readClock()
			}
			if err != nil {
				yield(Trace{}, err)
				return
			}
			trace := traceFromKernel(&record.Value, c)
			if record.Lost > 0 && !yield(Trace{Time: trace.Time, Lost: record.Lost}, nil) {
				return
			}
			if !yield(trace, nil) {
				return
			}
		}
	}
}
