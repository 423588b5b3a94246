package output

import (
	"bufio"
	"strings"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// csvHeader names the fields as the path to them in the JSON object.
const csvHeader = "id,proto,state," +
	"origin.src,origin.sport,origin.dst,origin.dport,origin.type,origin.code,origin.icmp_id," +
	"origin.packets,origin.bytes,origin.pps,origin.bps," +
	"reply.src,reply.sport,reply.dst,reply.dport,reply.type,reply.code,reply.icmp_id," +
	"reply.packets,reply.bytes,reply.pps,reply.bps," +
	"vlan,vlan_inner,in,age_s,idle_s,ttl_s," +
	csvQualityHeader + ",one_sided"

// csvQualityHeader names what a snapshot and the end of a flow have in common.
const csvQualityHeader = "origin.retransmits,origin.zero_windows,origin.rtt_s," +
	"reply.retransmits,reply.zero_windows,reply.rtt_s,invalid,related,closed_by," +
	"origin.reordered,reply.reordered,vlan_third,pppoe_session"

func writeCSV(w *bufio.Writer, v View) error {
	stamp := ""
	if v.Stamped {
		stamp = "," + string(appendTime(nil, v.Time))
	}
	if !v.Continued {
		if err := writeCSVHeader(w, v.Stamped); err != nil {
			return err
		}
	}
	names := [2]string{csvText(v.Interfaces[0].Name), csvText(v.Interfaces[1].Name)}
	return writeRows(w, v.Rows, func(b []byte, row int) []byte {
		f := v.Rows[row]
		return append(append(appendCSV(b, f, names[f.In&1]), stamp...), '\n')
	})
}

func writeCSVHeader(w *bufio.Writer, stamped bool) error {
	header := csvHeader
	if stamped {
		header += ",time"
	}
	_, err := w.WriteString(header + "\n")
	return err
}

func appendCSV(b []byte, f *flow.Flow, in string) []byte {
	b = appendHex(b, uint64(f.ID))
	b = append(b, ',')
	b = append(b, f.Tuple.Proto.String()...)
	b = append(b, ',')
	b = append(b, f.State.String()...)
	b = append(b, ',')
	b = appendCSVHalf(b, originEnds(&f.Tuple), f.Origin)
	b = appendCSVHalf(b, replyEnds(&f.Tuple), f.Reply)
	b = appendSet(b, f.Tuple.VLAN, f.Tuple.VLAN != 0)
	b = appendSet(b, f.Tuple.VLANInner, f.Tuple.VLANInner != 0)
	b = append(b, in...)
	b = append(b, ',')
	b = append(appendSeconds(b, f.Age), ',')
	b = append(appendSeconds(b, f.Idle), ',')
	b = append(appendSeconds(b, f.TTL(0)), ',')
	tcp := f.Tuple.Proto == flow.ProtocolTCP
	b = appendCSVQuality(b, tcp, f.Origin)
	b = appendCSVQuality(b, tcp, f.Reply)
	b = append(appendUint(b, f.Invalid), ',')
	b = append(appendUint(b, f.Related), ',')
	b = append(append(b, f.ClosedBy.String()...), ',')
	b = appendCSVReordered(b, tcp, f.Origin, f.Reply)
	b = append(appendCSVLink(b, &f.Tuple), ',')
	if f.OneSided {
		b = append(b, "true"...)
	}
	return b
}

// appendCSVLink appends a comma and what came late of what a flow's packets have
// before IP.
func appendCSVLink(b []byte, t *flow.Tuple) []byte {
	b = appendSet(append(b, ','), t.VLANThird, t.VLANThird != 0)
	if t.Session != 0 {
		b = appendUint(b, t.Session)
	}
	return b
}

// appendCSVReordered appends how many segments of both directions were overtaken.
func appendCSVReordered(b []byte, tcp bool, origin, reply flow.Half) []byte {
	if !tcp {
		return append(b, ',')
	}
	return appendUint(append(appendUint(b, origin.Reordered), ','), reply.Reordered)
}

// appendCSVQuality appends what only TCP tells about a direction, and a comma.
func appendCSVQuality(b []byte, tcp bool, h flow.Half) []byte {
	b = appendSet(b, h.Retransmits, tcp)
	b = appendSet(b, h.ZeroWindows, tcp)
	if tcp && h.RTT > 0 {
		b = appendSeconds(b, h.RTT)
	}
	return append(b, ',')
}

// appendCSVHalf appends one direction and a comma.
func appendCSVHalf(b []byte, e ends, h flow.Half) []byte {
	ports, icmp := e.Proto.HasPorts(), e.Proto.HasICMP()
	b = append(e.Src.Addr().Unmap().AppendTo(b), ',')
	b = appendSet(b, e.Src.Port(), ports)
	b = append(e.Dst.Addr().Unmap().AppendTo(b), ',')
	b = appendSet(b, e.Dst.Port(), ports)
	b = appendSet(b, e.icmpType, icmp)
	b = appendSet(b, e.ICMPCode, icmp)
	b = appendSet(b, e.ICMPID, icmp)
	b = append(appendUint(b, h.Packets), ',')
	b = append(appendUint(b, h.Bytes), ',')
	b = append(appendRate(b, h.PPS), ',')
	return append(appendRate(b, h.BPS), ',')
}

// appendSet appends a number, or nothing where it is not set, and a comma.
func appendSet[T ~uint8 | ~uint16 | ~uint64](b []byte, n T, set bool) []byte {
	if set {
		b = appendUint(b, n)
	}
	return append(b, ',')
}

// csvText cleans text from outside, and quotes it where RFC 4180 says so.
func csvText(s string) string {
	s = format.Clean(s)
	if !strings.ContainsAny(s, ",\"\r\n") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
