package kernel

import (
	"time"
	"unsafe"

	"ctop/bpf"
	"ctop/tracker/flow"
)

// eventFromKernel converts an event and its time, and stores it in to: it is not copied,
// since a connection has many.
func eventFromKernel(to *flow.Event, e *kernelEvent, c Clock) {
	*to = flow.Event{}
	to.In, to.Outgoing = sideOf(zoneOf(&e.Key), e.Flags&bpf.ConntrackFlowFlagFLOW_SIDE != 0)
	to.Time = c.at(e.TimeNs)
	to.Type = flow.EventType(e.Type)
	to.ID = flow.ID(e.Id)
	to.Tuple = tupleFromKey(&e.Key, eventReversed(e))
	to.From = flow.State(e.From)
	to.To = flow.State(e.To)
	to.Direction = flow.Direction(e.Direction)
	to.Reason = flow.Reason(e.Reason)
	halfFromEvent(&to.Origin, e, flow.Origin)
	halfFromEvent(&to.Reply, e, flow.Reply)
	to.Age = ageFromEvent(e)
	to.ClosedBy = closerFromFlags(uint64(e.Flags))
	to.Invalid = e.Invalid
	to.Related = e.Related
	to.Inherited = eventInherited(e)
}

// updateFromKernel returns the event of a flow that goes on, as of the time of the clock.
func updateFromKernel(v *kernelFlow, c Clock) flow.Event {
	tuple := tupleFromKey(&v.Key, hasFlag(v.Control, bpf.ConntrackFlowFlagFLOW_REVERSED))
	in, outgoing := sideOf(tuple.Zone, hasFlag(v.Control, bpf.ConntrackFlowFlagFLOW_SIDE))
	state := stateFromControl(v.Control)
	return flow.Event{
		In:       in,
		Outgoing: outgoing,
		Time:     c.Wall,
		Type:     flow.EventUpdate,
		ID:       flow.ID(v.ID()),
		Tuple:    tuple,
		From:     state,
		To:       state,
		Origin:   halfFromKernel(v, flow.Origin),
		Reply:    halfFromKernel(v, flow.Reply),
		Age:      max(time.Duration(int64(c.Ns)-int64(v.CreatedNs)), 0),
		Idle:     c.since(max(v.Origin.LastSeenTicks, v.Reply.LastSeenTicks)),
		ClosedBy: closerFromFlags(v.Control),
		Invalid:  v.Origin.Others,
		Related:  v.Reply.Others,

		Inherited: hasFlag(v.Control, bpf.ConntrackFlowFlagFLOW_INHERITED),
	}
}

// shortEvents are the sizes of events that end early, of new flows, of others, and of those
// without octets: what follows is zero.
func shortEvents() []uintptr {
	return []uintptr{unsafe.Offsetof(kernelEvent{}.CreatedNs), unsafe.Offsetof(kernelEvent{}.Owner), unsafe.Offsetof(kernelEvent{}.IdleTicks)}
}

// ageFromEvent returns the age of the event's flow. A new one has no CreatedNs.
func ageFromEvent(e *kernelEvent) time.Duration {
	if flow.EventType(e.Type) == flow.EventNew {
		return 0
	}
	return time.Duration(int64(e.TimeNs) - int64(e.CreatedNs))
}

func halfFromEvent(to *flow.Half, e *kernelEvent, d flow.Direction) {
	to.Packets = e.Packets[d]
	to.Bytes = e.Bytes[d]
	to.RTT = time.Duration(e.RttUs[d]) * time.Microsecond
	to.Retransmits = e.Retransmits[d]
	to.Reordered = e.Reordered[d]
	to.ZeroWindows = e.ZeroWindows[d]
}

// originOf returns the origin of an event's flow.
func originOf(e *kernelEvent) Origin {
	return Origin{key: e.Key, reversed: eventReversed(e), second: e.Flags&bpf.ConntrackFlowFlagFLOW_SIDE != 0}
}

// Origin is the tuple of a flow's first packet in compact form.
type Origin struct {
	key      kernelKey
	reversed bool
	// second: the first packet was on the second side.
	second bool
	// State and Round are for those who keep it: they take no room here, and 8 bytes beside it.
	State flow.State
	Round uint32
}

// Tuple returns the tuple.
func (o *Origin) Tuple() flow.Tuple { return tupleFromKey(&o.key, o.reversed) }

// Side returns the interface of the flow's first packet, and whether it left by it.
func (o *Origin) Side() (in uint16, outgoing bool) { return sideOf(zoneOf(&o.key), o.second) }

// Row is the part of a flow's table entry that events contain, too.
type Row struct {
	ID            flow.ID
	key           kernelKey
	control       uint64
	createdNs     uint64
	origin, reply volume
}

func rowFromKernel(v *kernelFlow) Row {
	return Row{
		ID: flow.ID(v.ID()), key: v.Key, control: v.Control, createdNs: v.CreatedNs,
		origin: volumeFromKernel(v, flow.Origin), reply: volumeFromKernel(v, flow.Reply),
	}
}

// Event returns the event of a flow that no earlier event reported.
func (r *Row) Event(c Clock) flow.Event {
	origin := r.Origin()
	in, outgoing := origin.Side()
	return flow.Event{
		In:        in,
		Outgoing:  outgoing,
		Time:      c.Wall,
		Type:      flow.EventNew,
		ID:        r.ID,
		Tuple:     origin.Tuple(),
		To:        r.State(),
		Origin:    flow.Half{Packets: r.origin.packets, Bytes: r.origin.bytes},
		Reply:     flow.Half{Packets: r.reply.packets, Bytes: r.reply.bytes},
		Age:       max(time.Duration(int64(c.Ns)-int64(r.createdNs)), 0),
		Recovered: true,
	}
}

// State returns the flow's state.
func (r *Row) State() flow.State { return stateFromControl(r.control) }

// Origin returns the tuple of the flow's first packet.
func (r *Row) Origin() Origin {
	return Origin{
		key: r.key, reversed: hasFlag(r.control, bpf.ConntrackFlowFlagFLOW_REVERSED),
		second: hasFlag(r.control, bpf.ConntrackFlowFlagFLOW_SIDE),
	}
}

func eventReversed(e *kernelEvent) bool { return e.Flags&bpf.ConntrackFlowFlagFLOW_REVERSED != 0 }

// eventSequence returns an event's series, which is a CPU and lane, and its
// number in the series.
func eventSequence(e *kernelEvent) (series uint32, number uint64) {
	return eventSeries(e.Cpu, uint32(e.Lane)), e.Sequence
}

func eventSeries(cpu, lane uint32) uint32 {
	return cpu*uint32(len(kernelStats{}.Events)) + lane
}

// eventsMade returns the number of events in each series.
func eventsMade(perCPU []kernelStats) map[uint32]uint64 {
	made := make(map[uint32]uint64, len(perCPU)*len(kernelStats{}.Events))
	for cpu := range perCPU {
		for lane, n := range perCPU[cpu].Events {
			made[eventSeries(uint32(cpu), uint32(lane))] = n
		}
	}
	return made
}

// traceFromKernel converts the record of a packet and its time.
func traceFromKernel(t *kernelTrace, c Clock) flow.Trace {
	var tuple flow.Tuple
	if t.Key.Family != 0 {
		tuple = tupleFromKey(&t.Key, t.Reversed != 0)
	}
	in, outgoing := sideOf(zoneOf(&t.Key), t.Side != 0)
	out, watched := in, zoneOf(&t.Key) != 0
	if !watched {
		out = uint16(1 - t.Side)
	}
	return flow.Trace{
		Time:      c.at(t.TimeNs),
		Tuple:     tuple,
		Flow:      flow.ID(t.Id),
		Direction: flow.Direction(t.Direction),
		In:        in,
		Out:       out,
		Watched:   watched,
		Outgoing:  outgoing,
		Kind:      flow.PacketKind(t.Kind),
		Flags:     t.TcpFlags,
		Seq:       t.Seq,
		Ack:       t.Ack,
		Window:    t.Window,
		Payload:   t.Payload,
		Bytes:     t.Bytes,
		Segments:  t.Segments,
		Verdict:   flow.Verdict(t.Verdict),
		Invalid:   flow.Invalid(t.Invalid),
		Untracked: flow.Untracked(t.Untracked),
		Dropped:   t.Dropped != 0,
		From:      flow.State(t.From),
		To:        flow.State(t.To),
	}
}

func traceSequence(t *kernelTrace) (cpu uint32, number uint64) {
	return t.Cpu, t.Sequence
}

func eventInherited(e *kernelEvent) bool { return e.Flags&bpf.ConntrackFlowFlagFLOW_INHERITED != 0 }
