package history

import (
	"encoding/binary"
	"time"

	"ctop/tracker/flow"
)

// decoder reads what an encoder wrote.
type decoder struct {
	*reader
	before    *flow.Snapshot
	now       *flow.Snapshot
	passed    time.Duration
	processes []*flow.Process
	names     []*flow.ServerName
}

// decode reads the flows.
func (d *decoder) decode() {
	at := readRuns(d.reader, int(d.uint(colRuns)))
	d.now.Flows = make([]flow.Flow, len(at))
	gap := d.uint(colGaps)
	for i := range at {
		f := &d.now.Flows[i]
		if at[i] < 0 {
			f.ID = flow.ID(binary.BigEndian.Uint64(d.raw(colIDs, 8)))
			f.Tuple = d.tuple()
			d.change(f)
			continue
		}
		*f = d.before.Flows[at[i]]
		if f.NAT != 0 {
			other, ok := d.before.OtherHalf(f)
			d.translate(f, other, ok)
		}
		if gap == 0 {
			gap = d.uint(colGaps)
			d.change(f)
			continue
		}
		gap--
		d.silent(f)
	}
}

// silent makes a flow older that has carried nothing.
func (d *decoder) silent(f *flow.Flow) {
	f.Age, f.Idle = f.Age+d.passed, f.Idle+d.passed
	f.Origin.PPS, f.Origin.BPS, f.Reply.PPS, f.Reply.BPS = 0, 0, 0, 0
}

func (d *decoder) translate(f *flow.Flow, other flow.Tuple, ok bool) {
	f.NAT = 0
	if ok {
		d.now.Translations = append(d.now.Translations, other)
		f.NAT = uint32(len(d.now.Translations))
	}
}

func (d *decoder) tuple() flow.Tuple {
	bits := d.byte(colTuples)
	t := flow.Tuple{Proto: flow.Protocol(d.byte(colTuples))}
	family, src, dst := flow.IPv4, [16]byte{10: 0xff, 11: 0xff}, [16]byte{10: 0xff, 11: 0xff}
	from := 12
	if bits&tupleIPv6 != 0 {
		family, from = flow.IPv6, 0
	}
	copy(src[from:], d.raw(colAddresses, len(src)-from))
	copy(dst[from:], d.raw(colAddresses, len(dst)-from))
	var sport, dport uint16
	if bits&tuplePorts != 0 {
		sport, dport = d.short(colPorts), d.short(colPorts)
	}
	t.Src, t.Dst = flow.EndOf(family, src, sport), flow.EndOf(family, dst, dport)
	if bits&tupleICMP != 0 {
		t.ICMPType, t.ICMPCode, t.ICMPID = d.byte(colTags), d.byte(colTags), d.short(colTags)
	}
	if bits&tupleTags != 0 {
		for _, tag := range [...]*uint16{&t.VLAN, &t.VLANInner, &t.VLANThird, &t.Session, &t.Zone} {
			*tag = d.small(colTags)
		}
	}
	return t
}

// change reads parts of a flow. The others are as expected.
func (d *decoder) change(f *flow.Flow) {
	parts := d.uint(colMasks)
	old := *f
	d.silent(f)
	for _, side := range sides(&old, f) {
		if parts&side.volume != 0 {
			side.now.Packets += uint64(d.int(colPackets))
			side.now.Bytes += uint64(d.int(colBytes))
		}
		if parts&side.window != 0 {
			side.now.Window = uint32(int64(side.now.Window) + d.int(colWindows))
			side.now.InFlight = uint32(int64(side.now.InFlight) + d.int(colWindows))
		}
		if parts&partRates != 0 {
			side.now.PPS, side.now.BPS = d.rate(colRates), d.rate(colRates)
		} else {
			side.now.PPS, side.now.BPS = rates(side.old, side.now, d.passed)
		}
	}
	if parts&partIdle != 0 {
		f.Idle = d.span(colIdle)
	}
	if parts&partAge != 0 {
		f.Age = d.span(colAge)
	}
	if parts&partRest != 0 {
		d.rest(f)
	}
}

func (d *decoder) rest(f *flow.Flow) {
	bits := d.uint(colRest)
	f.Outgoing = bits&restOutgoing != 0
	f.Origin.WindowKnown, f.Reply.WindowKnown = bits&restOriginKnown != 0, bits&restReplyKnown != 0
	f.Origin.Local, f.Reply.Local = bits&restOriginLocal != 0, bits&restReplyLocal != 0
	f.OwnTimeout, f.OneSided = bits&restOwnTimeout != 0, bits&restOneSided != 0
	f.State, f.TimeoutName = flow.State(d.byte(colRest)), flow.TimeoutName(d.byte(colRest))
	f.ClosedBy = flow.Closer(d.byte(colRest))
	f.Holding = flow.Holding{End: flow.Direction(d.byte(colRest)), Listens: bits&restListens != 0, First: bits&restFirstSeen != 0, Inherited: bits&restInherited != 0}
	for _, n := range [...]*uint16{&f.In, &f.Invalid, &f.Related} {
		*n = d.small(colRest)
	}
	for _, h := range [...]*flow.Half{&f.Origin, &f.Reply} {
		for _, n := range [...]*uint16{&h.Retransmits, &h.Reordered, &h.ZeroWindows} {
			*n = d.small(colRest)
		}
		h.RTT = time.Duration(d.int(colRest))
	}
	f.Timeout = d.span(colRest)
	if bits&restProcess != 0 {
		f.Holding.Process = d.processes[d.uint(colRest)]
	}
	f.Server = nil
	if bits&restServer != 0 {
		f.Server = d.names[d.uint(colRest)]
	}
	if bits&restTranslated != 0 {
		other := d.tuple()
		d.translate(f, other, true)
	} else {
		f.NAT = 0
	}
}
