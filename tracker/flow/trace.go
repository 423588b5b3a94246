package flow

import "time"

// Verdict is the tracker's conclusion about a packet.
type Verdict uint8

// Verdict has no other values.
const (
	VerdictNew Verdict = iota
	VerdictEstablished
	VerdictRelated
	VerdictInvalid
	VerdictUntracked
	numVerdicts
)

var verdictNames = [numVerdicts]string{"new", "established", "related", "invalid", "untracked"}

// String returns the verdict's name in all outputs.
func (v Verdict) String() string {
	if v < numVerdicts {
		return verdictNames[v]
	}
	return "unknown"
}

// PacketKind is the result of parsing a packet.
type PacketKind uint8

// PacketKind has no other values.
const (
	// PacketFlow belongs to a flow or may begin one.
	PacketFlow PacketKind = iota
	// PacketUntracked is not tracked. [Trace.Untracked] is the reason.
	PacketUntracked
	// PacketFragment is a fragment other than the first.
	PacketFragment
	// PacketError is an ICMP error. Its tuple is that of the quoted packet.
	PacketError
	// PacketMalformed has a truncated header or a wrong length.
	PacketMalformed
	numPacketKinds
)

var packetKindNames = [numPacketKinds]string{"flow", "untracked", "fragment", "error", "malformed"}

// String returns the kind's name in all outputs.
func (k PacketKind) String() string {
	if k < numPacketKinds {
		return packetKindNames[k]
	}
	return "unknown"
}

// Trace is the record of one packet.
type Trace struct {
	Time time.Time
	// Lost is the number of packets missing before the next record. If it is
	// not 0, the other fields are empty.
	Lost uint64
	// Tuple is the tuple of the packet. Flow is the ID of its flow, 0 if it has
	// none afterwards. Direction is its direction in the flow.
	Tuple     Tuple
	Flow      ID
	Direction Direction
	// In is the index of the interface that it came in by, Out that of the one that
	// it leaves by. They are equal at an interface that is Watched, by which the
	// packet goes out if it is Outgoing.
	In, Out           uint16
	Watched, Outgoing bool
	Kind              PacketKind
	// TCP: flags as in the header, numbers as they are on the wire.
	Flags    uint8
	Seq, Ack uint32
	Window   uint16
	// Payload is the length of the TCP payload, Bytes that of the whole packet,
	// in bytes. Segments is greater than 1 if the packet stands for several
	// segments.
	Payload, Bytes, Segments uint32
	Verdict                  Verdict
	// Invalid is the reason if the verdict is VerdictInvalid.
	Invalid Invalid
	// Untracked is the reason if the verdict is VerdictUntracked.
	Untracked Untracked
	// Dropped is set if the policy dropped the packet.
	Dropped bool
	// From and To are the flow's states before and after the packet.
	From, To State
}

// Reason returns the name of the reason why the packet is invalid or untracked,
// empty if it is neither.
func (t *Trace) Reason() string {
	switch t.Verdict {
	case VerdictInvalid:
		return t.Invalid.String()
	case VerdictUntracked:
		return t.Untracked.String()
	}
	return ""
}

// Matching returns the packet's flow for a filter. It only has the data that
// the trace contains. Its tuple is that of the origin direction.
func (t *Trace) Matching() *Flow {
	f := &Flow{ID: t.Flow, Tuple: t.Tuple, State: t.To, In: t.In, Outgoing: t.Outgoing}
	if t.To == StateNone {
		f.State = t.From
	}
	if t.Direction == Reply {
		f.Tuple, f.In = t.Tuple.Reverse(), t.Out
		f.Outgoing = t.Watched && !t.Outgoing
	}
	return f
}

// Verdicts returns all verdicts in output order.
func Verdicts() []Verdict { return all(numVerdicts) }

// PacketKinds returns all kinds.
func PacketKinds() []PacketKind { return all(numPacketKinds) }
