package flow

import "time"

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
	Flow      ID
	Direction Direction
	// In is the index of the interface that it came in by, Out that of the one that
	// it leaves by. They are equal if it goes to the machine itself.
	In, Out uint16
	Kind    PacketKind
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
		f.Tuple, f.In = t.Tuple.Reverse(), t.Out
	}
	return f
}

// Verdicts returns every verdict, in the order in which outputs list them.
func Verdicts() []Verdict { return all(numVerdicts) }

// PacketKinds returns every kind.
func PacketKinds() []PacketKind { return all(numPacketKinds) }
