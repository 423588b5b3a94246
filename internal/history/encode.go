package history

import (
	"math"
	"time"

	"ctop/tracker/flow"
)

// The parts of a flow that may have changed.
const (
	partOrigin = 1 << iota // packets and bytes
	partReply
	partOriginWindow
	partReplyWindow
	partIdle
	partAge
	partRates
	partRest
)

// A flow's rest begins with bits for what has two values.
const (
	restOutgoing = 1 << iota
	restOriginKnown
	restReplyKnown
	restOriginLocal
	restReplyLocal
	restOwnTimeout
	restOneSided
	restListens
	restProcess
	restTranslated
	restFirstSeen
	restServer
	restInherited
)

// A tuple begins with bits for what most tuples do not have.
const (
	tupleIPv6 = 1 << iota
	tupleICMP
	tupleTags
	tuplePorts
)

// spillEvery is after how many flows columns may be long.
const spillEvery = 1 << 10

// tick is by how much a time may be wrong: jiffies have as much, at most.
const tick = 10 * time.Millisecond

// encoder writes a snapshot as the difference from another one.
type encoder struct {
	*writer
	// before is the other one, empty for a whole snapshot. passed is the time between.
	before, now *flow.Snapshot
	passed      time.Duration
	processes   *known[flow.Process]
	names       *known[flow.ServerName]
}

// encode writes the flows.
func (e *encoder) encode() {
	at := match(e.before.Flows, e.now.Flows)
	if len(e.before.Flows) == 0 {
		e.grow(len(at))
	}
	e.uint(colRuns, uint64(len(at)))
	writeRuns(e.writer, at)
	gap := uint64(0)
	var none flow.Flow
	for i := range e.now.Flows {
		if i%spillEvery == 0 {
			e.spill(packer)
		}
		f := &e.now.Flows[i]
		if at[i] < 0 {
			e.identity(f)
			e.change(&none, f, e.changed(&none, f)|partRest)
			continue
		}
		old := &e.before.Flows[at[i]]
		parts := e.changed(old, f)
		if parts == 0 {
			gap++
			continue
		}
		e.uint(colGaps, gap)
		gap = 0
		e.change(old, f, parts)
	}
	e.uint(colGaps, gap)
}

// identity writes what never changes of a flow.
func (e *encoder) identity(f *flow.Flow) {
	for shift := 56; shift >= 0; shift -= 8 {
		e.raw(colIDs, byte(uint64(f.ID)>>shift))
	}
	e.tuple(&f.Tuple)
}

func (e *encoder) tuple(t *flow.Tuple) {
	var bits byte
	src, dst := t.Src.As16(), t.Dst.As16()
	from := 12
	if t.Src.Addr().Is6() {
		bits, from = bits|tupleIPv6, 0
	}
	if t.ICMPType|t.ICMPCode != 0 || t.ICMPID != 0 {
		bits |= tupleICMP
	}
	if t.VLAN|t.VLANInner|t.VLANThird|t.Session|t.Zone != 0 {
		bits |= tupleTags
	}
	if t.Src.Port()|t.Dst.Port() != 0 {
		bits |= tuplePorts
	}
	e.raw(colTuples, bits, byte(t.Proto))
	e.raw(colAddresses, src[from:]...)
	e.raw(colAddresses, dst[from:]...)
	if bits&tuplePorts != 0 {
		e.short(colPorts, t.Src.Port())
		e.short(colPorts, t.Dst.Port())
	}
	if bits&tupleICMP != 0 {
		e.raw(colTags, t.ICMPType, t.ICMPCode)
		e.short(colTags, t.ICMPID)
	}
	if bits&tupleTags != 0 {
		for _, tag := range [...]uint16{t.VLAN, t.VLANInner, t.VLANThird, t.Session, t.Zone} {
			e.uint(colTags, uint64(tag))
		}
	}
}

// changed returns the parts of a flow that are not as expected.
func (e *encoder) changed(old, f *flow.Flow) (parts uint64) {
	set := func(part uint64, changed bool) {
		if changed {
			parts |= part
		}
	}
	set(partOrigin, old.Origin.Packets != f.Origin.Packets || old.Origin.Bytes != f.Origin.Bytes)
	set(partReply, old.Reply.Packets != f.Reply.Packets || old.Reply.Bytes != f.Reply.Bytes)
	set(partOriginWindow, old.Origin.Window != f.Origin.Window || old.Origin.InFlight != f.Origin.InFlight)
	set(partReplyWindow, old.Reply.Window != f.Reply.Window || old.Reply.InFlight != f.Reply.InFlight)
	set(partIdle, !near(f.Idle, old.Idle+e.passed))
	set(partAge, !near(f.Age, old.Age+e.passed))
	set(partRates, !e.rated(&old.Origin, &f.Origin) || !e.rated(&old.Reply, &f.Reply))
	set(partRest, e.restChanged(old, f))
	return parts
}

func near(a, b time.Duration) bool { return a-b < tick && b-a < tick }

// rated reports whether the rates follow from the volumes.
func (e *encoder) rated(old, h *flow.Half) bool {
	pps, bps := rates(old, h, e.passed)
	return math.Abs(h.PPS-pps) <= pps*exact && math.Abs(h.BPS-bps) <= bps*exact
}

// exact is the relative error of a rate that follows from the volumes.
const exact = 1e-9

// rates returns the rates since another snapshot, as the tracker computes them.
func rates(old, h *flow.Half, passed time.Duration) (pps, bps float64) {
	if passed <= 0 || old.Packets == h.Packets && old.Bytes == h.Bytes || h.Packets < old.Packets || h.Bytes < old.Bytes {
		return 0, 0
	}
	seconds := passed.Seconds()
	return float64(h.Packets-old.Packets) / seconds, 8 * float64(h.Bytes-old.Bytes) / seconds
}

// restChanged compares what changes seldom.
func (e *encoder) restChanged(old, f *flow.Flow) bool {
	a, b := rest(old), rest(f)
	if a.Holding.Process != b.Holding.Process && equal(a.Holding.Process, b.Holding.Process) {
		a.Holding.Process = b.Holding.Process
	}
	if equal(a.Server, b.Server) {
		a.Server = b.Server
	}
	if a != b {
		return true
	}
	if old.NAT == 0 && f.NAT == 0 {
		return false
	}
	was, had := e.before.OtherHalf(old)
	is, has := e.now.OtherHalf(f)
	return was != is || had != has
}

func equal[T comparable](a, b *T) bool { return a != nil && b != nil && *a == *b }

// rest returns a flow without the parts that have bits of their own.
func rest(f *flow.Flow) flow.Flow {
	r := *f
	r.ID, r.Tuple, r.NAT, r.Age, r.Idle = 0, flow.Tuple{}, 0, 0, 0
	for _, h := range [...]*flow.Half{&r.Origin, &r.Reply} {
		h.Packets, h.Bytes, h.PPS, h.BPS, h.Window, h.InFlight = 0, 0, 0, 0, 0, 0
	}
	return r
}

// change writes parts of a flow.
func (e *encoder) change(old, f *flow.Flow, parts uint64) {
	e.uint(colMasks, parts)
	for _, side := range sides(old, f) {
		if parts&side.volume != 0 {
			e.int(colPackets, int64(side.now.Packets-side.old.Packets))
			e.int(colBytes, int64(side.now.Bytes-side.old.Bytes))
		}
		if parts&side.window != 0 {
			e.int(colWindows, int64(side.now.Window)-int64(side.old.Window))
			e.int(colWindows, int64(side.now.InFlight)-int64(side.old.InFlight))
		}
		if parts&partRates != 0 {
			e.rate(colRates, side.now.PPS)
			e.rate(colRates, side.now.BPS)
		}
	}
	if parts&partIdle != 0 {
		e.span(colIdle, f.Idle)
	}
	if parts&partAge != 0 {
		e.span(colAge, f.Age)
	}
	if parts&partRest != 0 {
		e.rest(f)
	}
}

// side is one direction of a flow, and the bits of its parts.
type side struct {
	old, now       *flow.Half
	volume, window uint64
}

func sides(old, f *flow.Flow) [2]side {
	return [2]side{
		{&old.Origin, &f.Origin, partOrigin, partOriginWindow},
		{&old.Reply, &f.Reply, partReply, partReplyWindow},
	}
}

func (e *encoder) rest(f *flow.Flow) {
	other, translated := e.now.OtherHalf(f)
	bits := uint64(0)
	for i, set := range [...]bool{
		f.Outgoing, f.Origin.WindowKnown, f.Reply.WindowKnown, f.Origin.Local, f.Reply.Local, f.OwnTimeout, f.OneSided,
		f.Holding.Listens, f.Holding.Process != nil, translated, f.Holding.First, f.Server != nil, f.Holding.Inherited,
	} {
		if set {
			bits |= 1 << i
		}
	}
	e.uint(colRest, bits)
	e.raw(colRest, byte(f.State), byte(f.TimeoutName), byte(f.ClosedBy), byte(f.Holding.End))
	for _, n := range [...]uint16{f.In, f.Invalid, f.Related} {
		e.uint(colRest, uint64(n))
	}
	for _, h := range [...]*flow.Half{&f.Origin, &f.Reply} {
		for _, n := range [...]uint16{h.Retransmits, h.Reordered, h.ZeroWindows} {
			e.uint(colRest, uint64(n))
		}
		e.int(colRest, int64(h.RTT))
	}
	e.span(colRest, f.Timeout)
	if f.Holding.Process != nil {
		e.uint(colRest, uint64(e.processes.index(f.Holding.Process)))
	}
	if f.Server != nil {
		e.uint(colRest, uint64(e.names.index(f.Server)))
	}
	if translated {
		e.tuple(&other)
	}
}

// known are things that the flows of a group refer to.
type known[T comparable] struct {
	list    []*T
	indices map[T]int
}

func newKnown[T comparable]() *known[T] { return &known[T]{indices: map[T]int{}} }

func (k *known[T]) index(of *T) int {
	i, ok := k.indices[*of]
	if !ok {
		i = len(k.list)
		k.list = append(k.list, of)
		k.indices[*of] = i
	}
	return i
}
