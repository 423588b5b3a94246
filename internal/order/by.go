// Package order filters and sorts the flows of a snapshot. It is the one part
// of the console whose work grows with the table, so it runs outside the
// program's loop and only reads what never changes.
package order

import (
	"encoding/binary"
	"math"
	"net/netip"

	"ctop/tracker/flow"
)

// Key is what flows are sorted by.
type Key uint8

// The keys, in the order of the table's columns. Out is the origin direction,
// In the reply direction.
const (
	Proto Key = iota
	Origin
	Reply
	State
	TTL
	Out
	In
	Total
	Age
	OutPackets
	InPackets
	OutBytes
	InBytes
	Rate
	Idle
	RTT
	Retransmits
	Reordered
	Interface
	ID
)

// Numeric reports whether one expects the largest first.
func (k Key) Numeric() bool { return k >= Out && k < Interface }

// By is an order of flows. Ties are broken by the flow's id, the same way in
// both directions, so that rows which are alike keep their places.
type By struct {
	Key  Key
	Desc bool
	// Packets makes rates count packets, not bits.
	Packets bool
}

// item is a flow with its sort key worked out, so that comparing two of them
// touches no flow. It holds no pointer, so that moving one costs the garbage
// collector nothing.
type item struct {
	hi, lo uint64
	id     flow.ID
	sub    uint32
	// at is where the flow is: in the snapshot, or behind it among those that
	// ended.
	at uint32
}

func (by By) item(f *flow.Flow, at int) item {
	it := item{id: f.ID, at: uint32(at)}
	switch by.Key {
	case Origin:
		it.setEnd(f.Tuple.Src, f.Tuple.ICMPID)
	case Reply:
		it.setEnd(f.Tuple.Dst, 0)
	default:
		it.hi = by.number(f)
	}
	if by.Desc {
		it.hi, it.lo, it.sub = ^it.hi, ^it.lo, ^it.sub
	}
	return it
}

func (it *item) setEnd(end netip.AddrPort, icmpID uint16) {
	a := end.Addr().As16()
	it.hi, it.lo = binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
	it.sub = uint32(end.Port()) + uint32(icmpID)
}

func (by By) number(f *flow.Flow) uint64 {
	switch by.Key {
	case Proto:
		return uint64(f.Tuple.Proto)
	case State:
		return uint64(f.State)
	case TTL:
		return uint64(f.TTL(0))
	case Out:
		return by.rate(f.Origin)
	case In:
		return by.rate(f.Reply)
	case Rate:
		return math.Float64bits(max(by.both(f), 0))
	case Total:
		return f.Bytes()
	case Age:
		return uint64(max(f.Age, 0))
	}
	return counter(by.Key, f)
}

func counter(k Key, f *flow.Flow) uint64 {
	switch k {
	case OutPackets:
		return f.Origin.Packets
	case InPackets:
		return f.Reply.Packets
	case OutBytes:
		return f.Origin.Bytes
	case Idle:
		return uint64(max(f.Idle, 0))
	case RTT:
		return uint64(f.Origin.RTT + f.Reply.RTT)
	case Retransmits:
		return uint64(f.Origin.Retransmits) + uint64(f.Reply.Retransmits)
	case Reordered:
		return uint64(f.Origin.Reordered) + uint64(f.Reply.Reordered)
	case Interface:
		return uint64(f.In)
	case ID:
		return uint64(f.ID)
	}
	return f.Reply.Bytes
}

func (by By) both(f *flow.Flow) float64 {
	if by.Packets {
		return f.Origin.PPS + f.Reply.PPS
	}
	return f.BPS()
}

// rate orders floats as integers. A direction that was never seen is less than
// one that is silent.
func (by By) rate(h flow.Half) uint64 {
	v := h.BPS
	if by.Packets {
		v = h.PPS
	}
	if !h.Seen() {
		return 0
	}
	return math.Float64bits(max(v, 0)) + 1
}

func less(a, b item) int {
	switch {
	case a.hi != b.hi:
		return sign(a.hi < b.hi)
	case a.lo != b.lo:
		return sign(a.lo < b.lo)
	case a.sub != b.sub:
		return sign(a.sub < b.sub)
	case a.id != b.id:
		return sign(a.id < b.id)
	}
	return 0
}

func sign(isLess bool) int {
	if isLess {
		return -1
	}
	return 1
}
