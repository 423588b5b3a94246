package output

import (
	"ctop/tracker/flow"
)

// flowEncoder appends flows as JSON objects.
type flowEncoder struct {
	interfaces [2]string // quoted
	// stamp is a last member for every flow, empty where there is none.
	stamp string
}

func newFlowEncoder(s *flow.Snapshot) flowEncoder {
	return flowEncoder{interfaces: [2]string{quote(s.Interfaces[0].Name), quote(s.Interfaces[1].Name)}}
}

func (e flowEncoder) append(b []byte, f *flow.Flow) []byte {
	b = append(b, `{"id":"`...)
	b = appendHex(b, uint64(f.ID))
	b = append(b, `","proto":"`...)
	b = append(b, f.Tuple.Proto.String()...)
	b = append(b, `","state":"`...)
	b = append(b, f.State.String()...)
	b = append(b, `","origin":`...)
	b = appendHalf(b, originEnds(&f.Tuple), f.Origin)
	b = append(b, `,"reply":`...)
	b = appendHalf(b, replyEnds(&f.Tuple), f.Reply)
	b = appendVLAN(b, &f.Tuple)
	b = append(b, `,"in":`...)
	b = append(b, e.interfaces[f.In&1]...)
	b = append(b, `,"age_s":`...)
	b = appendSeconds(b, f.Age)
	b = append(b, `,"idle_s":`...)
	b = appendSeconds(b, f.Idle)
	b = append(b, `,"ttl_s":`...)
	b = appendSeconds(b, f.TTL(0))
	b = append(b, `,"invalid":`...)
	b = appendUint(b, f.Invalid)
	b = append(b, `,"related":`...)
	b = appendUint(b, f.Related)
	b = appendCloser(b, f.ClosedBy)
	if f.OneSided {
		b = append(b, `,"one_sided":true`...)
	}
	b = append(b, e.stamp...)
	return append(b, '}')
}

// appendCloser appends who closed a flow first, where somebody did.
func appendCloser(b []byte, c flow.Closer) []byte {
	if c == flow.CloserNone {
		return b
	}
	return append(append(append(b, `,"closed_by":"`...), c.String()...), '"')
}

// ends is what the packets of one direction show.
type ends struct {
	flow.Tuple
	icmpType uint8
}

func originEnds(t *flow.Tuple) ends {
	return ends{*t, t.ICMPType}
}

func replyEnds(t *flow.Tuple) ends {
	return ends{t.Reverse(), answerType(t.Proto, t.ICMPType)}
}

// answerType is the ICMP type that answers a request of the given one.
// RFC 792, RFC 950 and RFC 4443 put each answer next to its request.
func answerType(p flow.Protocol, request uint8) uint8 {
	switch {
	case p == flow.ProtocolICMPv6 && request == 128:
		return 129
	case p == flow.ProtocolICMP && request == 8:
		return 0
	case p == flow.ProtocolICMP && (request == 13 || request == 15 || request == 17):
		return request + 1
	}
	return request
}

// appendEnds appends the fields that tell a direction's packets: addresses, and
// ports or what ICMP has in their place.
func appendEnds(b []byte, e ends) []byte {
	b = append(b, `"src":`...)
	b = appendAddr(b, e.Src.Addr())
	if e.Proto.HasPorts() {
		b = append(b, `,"sport":`...)
		b = appendUint(b, e.Src.Port())
	}
	b = append(b, `,"dst":`...)
	b = appendAddr(b, e.Dst.Addr())
	if e.Proto.HasPorts() {
		b = append(b, `,"dport":`...)
		b = appendUint(b, e.Dst.Port())
	}
	if e.Proto.HasICMP() {
		b = append(b, `,"type":`...)
		b = appendUint(b, e.icmpType)
		b = append(b, `,"code":`...)
		b = appendUint(b, e.ICMPCode)
		b = append(b, `,"icmp_id":`...)
		b = appendUint(b, e.ICMPID)
	}
	return b
}

func appendHalf(b []byte, e ends, h flow.Half) []byte {
	b = append(b, '{')
	b = appendEnds(b, e)
	b = append(b, ',')
	b = appendCounters(b, h)
	b = append(b, `,"pps":`...)
	b = appendRate(b, h.PPS)
	b = append(b, `,"bps":`...)
	b = appendRate(b, h.BPS)
	return append(appendQuality(b, e.Proto, h), '}')
}

// appendQuality appends what only TCP tells about a direction. A round trip
// that was not seen is left out.
func appendQuality(b []byte, p flow.Protocol, h flow.Half) []byte {
	if p != flow.ProtocolTCP {
		return b
	}
	b = append(b, `,"retransmits":`...)
	b = appendUint(b, h.Retransmits)
	b = append(b, `,"reordered":`...)
	b = appendUint(b, h.Reordered)
	b = append(b, `,"zero_windows":`...)
	b = appendUint(b, h.ZeroWindows)
	if h.RTT > 0 {
		b = append(b, `,"rtt_s":`...)
		b = appendSeconds(b, h.RTT)
	}
	return b
}

func appendCounters(b []byte, h flow.Half) []byte {
	b = append(b, `"packets":`...)
	b = appendUint(b, h.Packets)
	b = append(b, `,"bytes":`...)
	return appendUint(b, h.Bytes)
}

func appendVLAN(b []byte, t *flow.Tuple) []byte {
	if t.VLAN != 0 {
		b = append(b, `,"vlan":`...)
		b = appendUint(b, t.VLAN)
	}
	if t.VLANInner != 0 {
		b = append(b, `,"vlan_inner":`...)
		b = appendUint(b, t.VLANInner)
	}
	if t.VLANThird != 0 {
		b = append(b, `,"vlan_third":`...)
		b = appendUint(b, t.VLANThird)
	}
	if t.Session != 0 {
		b = append(b, `,"pppoe_session":`...)
		b = appendUint(b, t.Session)
	}
	return b
}
