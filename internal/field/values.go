package field

import (
	"encoding/binary"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

func appendProto(b []byte, f *flow.Flow) []byte { return append(b, f.Tuple.Proto.String()...) }
func appendState(b []byte, f *flow.Flow) []byte { return append(b, f.State.String()...) }
func appendID(b []byte, f *flow.Flow) []byte    { return format.AppendHex(b, uint64(f.ID)) }

func appendOrigin(b []byte, f *flow.Flow) []byte { return append(b, f.Tuple.Source()...) }
func appendReply(b []byte, f *flow.Flow) []byte  { return append(b, f.Tuple.Destination()...) }

func appendSource(b []byte, f *flow.Flow) []byte { return f.Tuple.Src.Addr().Unmap().AppendTo(b) }

func appendDestination(b []byte, f *flow.Flow) []byte {
	return f.Tuple.Dst.Addr().Unmap().AppendTo(b)
}

func appendCloser(b []byte, f *flow.Flow) []byte { return append(b, f.ClosedBy.String()...) }

func interfaceName(f *flow.Flow, names *Names) string {
	if names == nil || int(f.In) >= len(names.Interfaces) && names.Interface == "" {
		return ""
	}
	if names.Interface != "" {
		return names.Interface
	}
	return names.Interfaces[f.In]
}

// hostName is the host that has the flow, in a snapshot of several.
func hostName(f *flow.Flow, names *Names) string {
	if names == nil || int(f.In) >= len(names.Hosts) && names.Host == "" {
		return ""
	}
	if names.Host != "" {
		return names.Host
	}
	return names.Hosts[f.In]
}

// direction is where the first packet went at a watched interface, as seen from the
// machine. Flows of a wire have none.
func direction(f *flow.Flow, _ *Names) string {
	switch {
	case f.Tuple.Zone == 0:
		return ""
	case f.Outgoing:
		return "out"
	}
	return "in"
}

func hasLocal(f *flow.Flow) bool { return f.Origin.Local || f.Reply.Local }

func appendLocalEnd(b []byte, f *flow.Flow) []byte { return append(b, f.Local().String()...) }

func appendLocal(b []byte, f *flow.Flow) []byte {
	if f.Origin.Local {
		return appendOrigin(b, f)
	}
	return appendReply(b, f)
}

func appendRemote(b []byte, f *flow.Flow) []byte {
	if f.Origin.Local {
		return appendReply(b, f)
	}
	return appendOrigin(b, f)
}

func orderDirection(f *flow.Flow) Rank {
	switch {
	case f.Tuple.Zone == 0:
		return Rank{}
	case f.Outgoing:
		return Rank{Hi: 2}
	}
	return Rank{Hi: 1}
}

// Flows without a local end come first.
func orderLocal(f *flow.Flow) Rank {
	switch {
	case !hasLocal(f):
		return Rank{}
	case f.Origin.Local:
		return orderOrigin(f)
	}
	return orderReply(f)
}

func orderRemote(f *flow.Flow) Rank {
	switch {
	case !hasLocal(f):
		return Rank{}
	case f.Origin.Local:
		return orderReply(f)
	}
	return orderOrigin(f)
}

func orderProto(f *flow.Flow) Rank     { return Rank{Hi: uint64(f.Tuple.Proto)} }
func orderState(f *flow.Flow) Rank     { return Rank{Hi: uint64(f.State)} }
func orderInterface(f *flow.Flow) Rank { return Rank{Hi: uint64(f.In)} }
func orderID(f *flow.Flow) Rank        { return Rank{Hi: uint64(f.ID)} }

func orderOrigin(f *flow.Flow) Rank { return endRank(f.Tuple.Src, f.Tuple.ICMPID) }
func orderReply(f *flow.Flow) Rank  { return endRank(f.Tuple.Dst, 0) }

func endRank(end flow.End, icmpID uint16) Rank {
	a := end.As16()
	return Rank{
		Hi: binary.BigEndian.Uint64(a[:8]), Lo: binary.BigEndian.Uint64(a[8:]),
		Sub: uint32(end.Port()) + uint32(icmpID),
	}
}

func seenOut(f *flow.Flow) bool  { return f.Origin.Seen() }
func seenIn(f *flow.Flow) bool   { return f.Reply.Seen() }
func pinned(f *flow.Flow) bool   { return f.OwnTimeout }
func closed(f *flow.Flow) bool   { return f.ClosedBy != flow.CloserNone }
func oneSided(f *flow.Flow) bool { return f.OneSided }

func inherited(f *flow.Flow) bool { return f.Holding.Inherited }

func firstSeen(f *flow.Flow) bool { return f.Holding.First }

// unknown is a flag that a flow alone does not tell.
func unknown(*flow.Flow) bool { return false }

func translated(f *flow.Flow) bool { return f.NAT != 0 }

func outBits(f *flow.Flow) (Number, bool)  { return perSecond(f.Origin.BPS), true }
func inBits(f *flow.Flow) (Number, bool)   { return perSecond(f.Reply.BPS), true }
func bothBits(f *flow.Flow) (Number, bool) { return perSecond(f.BPS()), true }
func outPPS(f *flow.Flow) (Number, bool)   { return perSecond(f.Origin.PPS), true }
func inPPS(f *flow.Flow) (Number, bool)    { return perSecond(f.Reply.PPS), true }
func bothPPS(f *flow.Flow) (Number, bool) {
	return perSecond(f.Origin.PPS + f.Reply.PPS), true
}

func bytes(f *flow.Flow) (Number, bool)      { return Number(f.Bytes()), true }
func packets(f *flow.Flow) (Number, bool)    { return Number(f.Packets()), true }
func outPackets(f *flow.Flow) (Number, bool) { return Number(f.Origin.Packets), true }
func inPackets(f *flow.Flow) (Number, bool)  { return Number(f.Reply.Packets), true }
func outBytes(f *flow.Flow) (Number, bool)   { return Number(f.Origin.Bytes), true }
func inBytes(f *flow.Flow) (Number, bool)    { return Number(f.Reply.Bytes), true }

func age(f *flow.Flow) (Number, bool) { return span(f.Age), true }

// Flows in events have no timeout, since events do not contain it. These fields
// are unknown then.
func idle(f *flow.Flow) (Number, bool)    { return span(f.Idle), f.Timeout > 0 }
func ttl(f *flow.Flow) (Number, bool)     { return span(f.TTL(0)), f.Timeout > 0 }
func timeout(f *flow.Flow) (Number, bool) { return span(f.Timeout), f.Timeout > 0 }

func roundTrip(f *flow.Flow) (Number, bool) {
	d := f.Origin.RTT + f.Reply.RTT
	return span(d), d > 0
}

func retransmits(f *flow.Flow) (Number, bool) {
	return Number(f.Origin.Retransmits) + Number(f.Reply.Retransmits), true
}

func reordered(f *flow.Flow) (Number, bool) {
	return Number(f.Origin.Reordered) + Number(f.Reply.Reordered), true
}

func zeroWindows(f *flow.Flow) (Number, bool) {
	return Number(f.Origin.ZeroWindows) + Number(f.Reply.ZeroWindows), true
}

func invalid(f *flow.Flow) (Number, bool) { return Number(f.Invalid), true }
func related(f *flow.Flow) (Number, bool) { return Number(f.Related), true }

func isTCP(p flow.Protocol) bool { return p == flow.ProtocolTCP }

func outRetransmits(f *flow.Flow) (Number, bool) {
	return Number(f.Origin.Retransmits), isTCP(f.Tuple.Proto)
}

func inRetransmits(f *flow.Flow) (Number, bool) {
	return Number(f.Reply.Retransmits), isTCP(f.Tuple.Proto)
}

func outReordered(f *flow.Flow) (Number, bool) {
	return Number(f.Origin.Reordered), isTCP(f.Tuple.Proto)
}

func inReordered(f *flow.Flow) (Number, bool) { return Number(f.Reply.Reordered), isTCP(f.Tuple.Proto) }

func outZeroWindows(f *flow.Flow) (Number, bool) {
	return Number(f.Origin.ZeroWindows), isTCP(f.Tuple.Proto)
}

func inZeroWindows(f *flow.Flow) (Number, bool) {
	return Number(f.Reply.ZeroWindows), isTCP(f.Tuple.Proto)
}

func outRTT(f *flow.Flow) (Number, bool) {
	return span(f.Origin.RTT), isTCP(f.Tuple.Proto) && f.Origin.RTT > 0
}

func inRTT(f *flow.Flow) (Number, bool) {
	return span(f.Reply.RTT), isTCP(f.Tuple.Proto) && f.Reply.RTT > 0
}

func sourcePort(f *flow.Flow) (Number, bool) {
	return Number(f.Tuple.Src.Port()), f.Tuple.Proto.HasPorts()
}

func destinationPort(f *flow.Flow) (Number, bool) {
	return Number(f.Tuple.Dst.Port()), f.Tuple.Proto.HasPorts()
}

func icmpRequest(f *flow.Flow) (Number, bool) {
	return Number(f.Tuple.ICMPType), f.Tuple.Proto.HasICMP()
}

func icmpCode(f *flow.Flow) (Number, bool) {
	return Number(f.Tuple.ICMPCode), f.Tuple.Proto.HasICMP()
}

func icmpID(f *flow.Flow) (Number, bool) {
	return Number(f.Tuple.ICMPID), f.Tuple.Proto.HasICMP()
}

// icmpAnswer returns the ICMP type of the answer to the flow's request (RFC
// 792, RFC 950, RFC 4443).
func icmpAnswer(f *flow.Flow) (Number, bool) {
	p, request := f.Tuple.Proto, f.Tuple.ICMPType
	switch {
	case p == flow.ProtocolICMPv6 && request == 128:
		return 129, true
	case p == flow.ProtocolICMP && request == 8:
		return 0, true
	case p == flow.ProtocolICMP && (request == 13 || request == 15 || request == 17):
		return Number(request) + 1, true
	}
	return Number(request), p.HasICMP()
}

func vlan(f *flow.Flow) (Number, bool) { return Number(f.Tuple.VLAN), f.Tuple.VLAN != 0 }

func vlanInner(f *flow.Flow) (Number, bool) {
	return Number(f.Tuple.VLANInner), f.Tuple.VLANInner != 0
}

func vlanThird(f *flow.Flow) (Number, bool) {
	return Number(f.Tuple.VLANThird), f.Tuple.VLANThird != 0
}

func session(f *flow.Flow) (Number, bool) { return Number(f.Tuple.Session), f.Tuple.Session != 0 }
