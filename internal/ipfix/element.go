package ipfix

import (
	"encoding/binary"
	"time"

	"ctop/tracker/flow"
)

// Enterprise numbers.
const (
	// reverseNumber marks the elements of IANA for the reverse direction (RFC 5103 6.1).
	reverseNumber = 29305
	// Enterprise is the number of ctop's own elements. It is the one for documentation
	// (RFC 5612): ctop has none of its own.
	Enterprise = 32473
	// reverseBit, in the number of an element of ctop, says that it is the reverse
	// direction's.
	reverseBit = 0x4000
)

// variable is the length of an element whose length each record says, in one byte up to
// shortString (RFC 7011 7).
const (
	variable    = 0xffff
	shortString = 254
)

// kind is how an element is to be read: informationElementDataType and
// informationElementSemantics (RFC 5610).
type kind struct{ dataType, semantics uint8 }

// Data types and semantics of RFC 5610 3.1 and 3.2.
const (
	unsigned8, unsigned16, unsigned32, text = 1, 2, 3, 13

	quantity, totalCounter, identifier = 1, 2, 4
)

// Units of RFC 5610 3.3.
const (
	unitNone, unitPackets, unitMicroseconds = 0, 3, 7
)

// element is one element of a record, and how it is written.
type element struct {
	id         uint16
	enterprise uint32
	length     uint16
	put        func(b []byte, r *record) []byte
	// These are of ctop's own elements, for their description.
	name, description string
	kind              kind
	unit              uint16
}

func put64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }
func put32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }
func put16(b []byte, v uint16) []byte { return binary.BigEndian.AppendUint16(b, v) }

// milliseconds returns dateTimeMilliseconds (RFC 7011 6.1.8).
func milliseconds(t time.Time) uint64 { return uint64(max(t.UnixMilli(), 0)) }

// iana returns an element of IANA's registry.
func iana(id, length uint16, put func(b []byte, r *record) []byte) element {
	return element{id: id, length: length, put: put}
}

// both returns an element of IANA's registry for each direction.
func both(id uint16, get func(v volume) uint64) []element {
	return []element{
		iana(id, 8, func(b []byte, r *record) []byte { return put64(b, get(r.volumes[flow.Origin])) }),
		{id: id, enterprise: reverseNumber, length: 8, put: func(b []byte, r *record) []byte {
			return put64(b, get(r.volumes[flow.Reply]))
		}},
	}
}

// These begin every record.
func firstElements() []element {
	return []element{
		iana(148, 8, func(b []byte, r *record) []byte { return put64(b, uint64(r.event.ID)) }), // flowId
		iana(152, 8, func(b []byte, r *record) []byte { return put64(b, milliseconds(r.since)) }),
		iana(153, 8, func(b []byte, r *record) []byte { return put64(b, milliseconds(r.until)) }),
		iana(161, 4, func(b []byte, r *record) []byte { // flowDurationMilliseconds
			return put32(b, uint32(min(max(r.event.Age.Milliseconds(), 0), 1<<32-1)))
		}),
		iana(4, 1, func(b []byte, r *record) []byte { return append(b, byte(r.event.Tuple.Proto)) }),
	}
}

// addresses are the elements of the two ends, in IPv4 or IPv6.
func addresses(v6 bool) []element {
	if v6 {
		return []element{
			iana(27, 16, func(b []byte, r *record) []byte { return append(b, r.event.Tuple.Src.Addr().AsSlice()...) }),
			iana(28, 16, func(b []byte, r *record) []byte { return append(b, r.event.Tuple.Dst.Addr().AsSlice()...) }),
		}
	}
	return []element{
		iana(8, 4, func(b []byte, r *record) []byte { return append(b, r.event.Tuple.Src.Addr().AsSlice()...) }),
		iana(12, 4, func(b []byte, r *record) []byte { return append(b, r.event.Tuple.Dst.Addr().AsSlice()...) }),
	}
}

// ends are the ports, or type and code of an ICMP request.
func ends(v6, icmp bool) []element {
	if !icmp {
		return []element{
			iana(7, 2, func(b []byte, r *record) []byte { return put16(b, r.event.Tuple.Src.Port()) }),
			iana(11, 2, func(b []byte, r *record) []byte { return put16(b, r.event.Tuple.Dst.Port()) }),
		}
	}
	id := uint16(32)
	if v6 {
		id = 139
	}
	return []element{
		iana(id, 2, func(b []byte, r *record) []byte { return append(b, r.event.Tuple.ICMPType, r.event.Tuple.ICMPCode) }),
		own(10, "icmpIdentifier", "Identifier of the ICMP requests and their answers", kind{unsigned16, identifier}, unitNone,
			func(b []byte, r *record) []byte { return put16(b, r.event.Tuple.ICMPID) }),
	}
}

// otherEnds are the ends behind the translation (NAT): of a flow whose first packet came
// in, what that became, and of one whose first packet went out, what its answers become.
func otherEnds(v6, icmp, out bool) []element {
	source, destination, length, enterprise := uint16(225), uint16(226), uint16(4), uint32(0)
	if v6 {
		source, destination, length = 281, 282, 16
	}
	src, dst := func(r *record) flow.End { return r.other.Src }, func(r *record) flow.End { return r.other.Dst }
	if out {
		enterprise, src, dst = reverseNumber, dst, src
	}
	address := func(id uint16, of func(r *record) flow.End) element {
		return element{id: id, enterprise: enterprise, length: length, put: func(b []byte, r *record) []byte { return append(b, of(r).Addr().AsSlice()...) }}
	}
	port := func(id uint16, of func(r *record) flow.End) element {
		return element{id: id, enterprise: enterprise, length: 2, put: func(b []byte, r *record) []byte { return put16(b, of(r).Port()) }}
	}
	all := []element{address(source, src), address(destination, dst)}
	if !icmp {
		all = append(all, port(227, src), port(228, dst))
	}
	return all
}

// counters are the volumes of both directions.
func counters() (all []element) {
	all = append(all, both(1, func(v volume) uint64 { return v.octets })...)
	all = append(all, both(2, func(v volume) uint64 { return v.packets })...)
	return append(all, both(352, func(v volume) uint64 { return v.frames })...)
}

// place is where the flow was seen, and how its record came to be.
func place() []element {
	return []element{
		iana(10, 4, func(b []byte, r *record) []byte { return put32(b, r.ingress) }),
		iana(14, 4, func(b []byte, r *record) []byte { return put32(b, r.egress) }),
		iana(61, 1, func(b []byte, r *record) []byte { return append(b, bit(r.event.Outgoing)) }),
		iana(243, 2, func(b []byte, r *record) []byte { return put16(b, r.event.Tuple.VLAN) }),
		iana(245, 2, func(b []byte, r *record) []byte { return put16(b, r.event.Tuple.VLANInner) }),
		iana(239, 1, func(b []byte, _ *record) []byte { return append(b, 1) }), // initiator
		iana(136, 1, func(b []byte, r *record) []byte { return append(b, byte(r.end)) }),
	}
}

func bit(is bool) byte {
	if is {
		return 1
	}
	return 0
}

// own returns an element of ctop's.
func own(id uint16, name, description string, k kind, unit uint16, put func(b []byte, r *record) []byte) element {
	length := map[uint8]uint16{unsigned8: 1, unsigned16: 2, unsigned32: 4, text: variable}[k.dataType]
	return element{
		id: id, enterprise: Enterprise, length: length, put: put,
		name: name, description: description, kind: k, unit: unit,
	}
}

// ownBoth returns an element of ctop's for each direction.
func ownBoth(id uint16, name, reverse, description string, k kind, unit uint16, put func(b []byte, h *flow.Half) []byte) []element {
	return []element{
		own(id, name, description, k, unit, func(b []byte, r *record) []byte { return put(b, &r.event.Origin) }),
		own(id|reverseBit, reverse, description+", other direction", k, unit, func(b []byte, r *record) []byte { return put(b, &r.event.Reply) }),
	}
}

// ownElements are ctop's elements in every record.
func ownElements() []element {
	all := []element{
		own(1, "flowState", "State, as listed in docs/ipfix.md", kind{unsigned8, identifier}, unitNone,
			func(b []byte, r *record) []byte { return append(b, byte(r.state())) }),
		own(2, "flowEndCause", "Why the flow ended, 0 if it goes on", kind{unsigned8, identifier}, unitNone,
			func(b []byte, r *record) []byte { return append(b, byte(r.event.Reason)) }),
		own(3, "flowClosedBy", "Side that sent the first FIN, or the RST: 1 source, 2 destination", kind{unsigned8, identifier}, unitNone,
			func(b []byte, r *record) []byte { return append(b, byte(r.closer())) }),
		own(8, "invalidPackets", "Packets that had the flow's tuple and did not belong to it", kind{unsigned16, totalCounter}, unitPackets,
			func(b []byte, r *record) []byte { return put16(b, r.event.Invalid) }),
		own(9, "icmpErrors", "ICMP errors about the flow", kind{unsigned16, totalCounter}, unitPackets,
			func(b []byte, r *record) []byte { return put16(b, r.event.Related) }),
	}
	all = append(all, ownBoth(4, "handshakeRTT", "reverseHandshakeRTT", "Response time of this end in the TCP handshake", kind{unsigned32, quantity}, unitMicroseconds,
		func(b []byte, h *flow.Half) []byte { return put32(b, uint32(h.RTT.Microseconds())) })...)
	all = append(all, ownBoth(5, "retransmittedSegments", "reverseRetransmittedSegments", "TCP segments sent again", kind{unsigned16, totalCounter}, unitPackets,
		func(b []byte, h *flow.Half) []byte { return put16(b, h.Retransmits) })...)
	all = append(all, ownBoth(6, "reorderedSegments", "reverseReorderedSegments", "TCP segments that others overtook", kind{unsigned16, totalCounter}, unitPackets,
		func(b []byte, h *flow.Half) []byte { return put16(b, h.Reordered) })...)
	return append(all, ownBoth(7, "zeroWindows", "reverseZeroWindows", "TCP segments that closed the window", kind{unsigned16, totalCounter}, unitPackets,
		func(b []byte, h *flow.Half) []byte { return put16(b, h.ZeroWindows) })...)
}

// processElement is the name of the process behind the flow.
func processElement() element {
	return own(11, "processName", "Process behind the flow", kind{text, 0}, unitNone, func(b []byte, r *record) []byte {
		var name string
		if p := r.event.Holding.Owner(); p != nil {
			name = p.Name[:min(len(p.Name), shortString)]
		}
		return append(append(b, byte(len(name))), name...)
	})
}
