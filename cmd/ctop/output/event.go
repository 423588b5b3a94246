package output

import (
	"fmt"
	"strconv"
	"strings"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

const eventCSVHeader = "time,event,id,proto,src,sport,dst,dport,type,code,icmp_id,vlan,vlan_inner," +
	"from,to,direction,reason,origin.packets,origin.bytes,reply.packets,reply.bytes,age_s,count,recovered," +
	csvQualityHeader + "\n"

// EventHeader returns what stands before the first event.
func EventHeader(f Format) string {
	if f == CSV {
		return eventCSVHeader
	}
	return ""
}

// AppendEvent appends one event as a line in a format. JSON and JSONL are the
// same here: a stream has no end that could close a document.
func AppendEvent(b []byte, f Format, e *flow.Event) []byte {
	switch f {
	case JSON, JSONL:
		b = appendEventJSON(b, e)
	case CSV:
		b = appendEventCSV(b, e)
	default:
		b = appendEventText(b, e, f == Wide)
	}
	return append(b, '\n')
}

func appendEventJSON(b []byte, e *flow.Event) []byte {
	if e.Type == flow.EventLost {
		b = append(b, `{"event":"lost","count":`...)
		return append(appendUint(b, e.Lost), '}')
	}
	b = append(b, `{"time":"`...)
	b = appendTime(b, e.Time)
	b = append(b, `","event":"`...)
	b = append(b, e.Type.String()...)
	b = append(b, `","id":"`...)
	b = appendHex(b, uint64(e.ID))
	b = append(b, `","proto":"`...)
	b = append(b, e.Tuple.Proto.String()...)
	b = append(b, `",`...)
	b = appendEnds(b, originEnds(&e.Tuple))
	b = appendVLAN(b, &e.Tuple)
	b = appendState(b, "from", e.From)
	b = appendState(b, "to", e.To)
	if !e.Recovered {
		b = append(b, `,"direction":"`...)
		b = append(b, e.Direction.String()...)
		b = append(b, '"')
	}
	if e.Recovered {
		b = append(b, `,"recovered":true`...)
	} else if e.Type == flow.EventDestroy {
		b = appendEnd(b, e)
	}
	return append(b, '}')
}

// appendState leaves out the state before a flow's birth and after its end.
func appendState(b []byte, key string, s flow.State) []byte {
	if s == flow.StateNone {
		return b
	}
	b = append(append(append(b, `,"`...), key...), `":"`...)
	return append(append(b, s.String()...), '"')
}

// appendEnd appends why a flow ended and what it had carried, in the fields of
// the flow's object in a snapshot.
func appendEnd(b []byte, e *flow.Event) []byte {
	b = append(b, `,"reason":"`...)
	b = append(b, e.Reason.String()...)
	b = append(b, `","origin":{`...)
	b = appendQuality(appendCounters(b, e.Origin), e.Tuple.Proto, e.Origin)
	b = append(b, `},"reply":{`...)
	b = appendQuality(appendCounters(b, e.Reply), e.Tuple.Proto, e.Reply)
	b = append(b, `},"age_s":`...)
	b = appendSeconds(b, e.Age)
	b = appendUint(append(b, `,"invalid":`...), e.Invalid)
	b = appendUint(append(b, `,"related":`...), e.Related)
	return appendCloser(b, e.ClosedBy)
}

func appendEventCSV(b []byte, e *flow.Event) []byte {
	if e.Type == flow.EventLost {
		b = append(b, ",lost"...)
		b = append(b, strings.Repeat(",", 21)...)
		b = append(appendUint(b, e.Lost), ",false"...)
		return append(b, strings.Repeat(",", strings.Count(csvQualityHeader, ",")+1)...)
	}
	t := &e.Tuple
	ports, icmp := t.Proto.HasPorts(), t.Proto.HasICMP()
	end := e.Type == flow.EventDestroy && !e.Recovered
	b = append(appendTime(b, e.Time), ',')
	b = append(append(b, e.Type.String()...), ',')
	b = append(appendHex(b, uint64(e.ID)), ',')
	b = append(append(b, t.Proto.String()...), ',')
	b = append(t.Src.Addr().Unmap().AppendTo(b), ',')
	b = appendSet(b, t.Src.Port(), ports)
	b = append(t.Dst.Addr().Unmap().AppendTo(b), ',')
	b = appendSet(b, t.Dst.Port(), ports)
	b = appendSet(b, t.ICMPType, icmp)
	b = appendSet(b, t.ICMPCode, icmp)
	b = appendSet(b, t.ICMPID, icmp)
	b = appendSet(b, t.VLAN, t.VLAN != 0)
	b = appendSet(b, t.VLANInner, t.VLANInner != 0)
	b = append(append(b, stateName(e.From)...), ',')
	b = append(append(b, stateName(e.To)...), ',')
	if !e.Recovered {
		b = append(b, e.Direction.String()...)
	}
	b = append(b, ',')
	b = append(append(b, e.Reason.String()...), ',')
	b = appendSet(b, e.Origin.Packets, end)
	b = appendSet(b, e.Origin.Bytes, end)
	b = appendSet(b, e.Reply.Packets, end)
	b = appendSet(b, e.Reply.Bytes, end)
	if end {
		b = appendSeconds(b, e.Age)
	}
	b = append(b, ',', ',')
	b = append(strconv.AppendBool(b, e.Recovered), ',')
	tcp := end && t.Proto == flow.ProtocolTCP
	b = appendCSVQuality(b, tcp, e.Origin)
	b = appendCSVQuality(b, tcp, e.Reply)
	b = appendSet(b, e.Invalid, end)
	b = appendSet(b, e.Related, end)
	b = append(append(b, e.ClosedBy.String()...), ',')
	b = appendCSVReordered(b, tcp, e.Origin, e.Reply)
	return appendCSVLink(b, t)
}

func stateName(s flow.State) string {
	if s == flow.StateNone {
		return ""
	}
	return s.String()
}

// tupleWidth keeps the states of most events below each other. There is no
// telling how long the tuples to come will be.
const tupleWidth = 42

// appendEventText appends an event as people read it; in full it has the flow's
// id, too.
func appendEventText(b []byte, e *flow.Event, full bool) []byte {
	if e.Type == flow.EventLost {
		return fmt.Appendf(b, "%15s  %-7s  %s", "", e.Type, format.Plural(int(e.Lost), "event"))
	}
	b = e.Time.Local().AppendFormat(b, "15:04:05.000000")
	b = fmt.Appendf(b, "  %-7s  ", e.Type)
	if full {
		b = append(appendHex(b, uint64(e.ID)), "  "...)
	}
	b = fmt.Appendf(b, "%-*s  ", tupleWidth, e.Tuple)
	switch {
	case e.Recovered:
		return append(append(b, changeText(e)...), ", recovered"...)
	case e.Type == flow.EventNew:
		return append(b, e.To.String()...)
	case e.Type == flow.EventDestroy:
		return fmt.Appendf(b, "%s  %s after %s%s, %s out, %s in",
			e.From, e.Reason, format.Lasted(e.Age), closerText(e.ClosedBy), halfText(e.Origin), halfText(e.Reply))
	default:
		return append(b, changeText(e)...)
	}
}

// changeText is the states before and after, as far as there are any.
func changeText(e *flow.Event) string {
	switch e.Type {
	case flow.EventNew:
		return e.To.String()
	case flow.EventDestroy:
		return e.From.String()
	}
	return e.From.String() + " → " + e.To.String()
}

// closerText is who began to close a flow, where somebody did.
func closerText(c flow.Closer) string {
	if c == flow.CloserNone {
		return ""
	}
	return ", " + c.String() + " closed first"
}

func halfText(h flow.Half) string {
	if !h.Seen() {
		return "nothing"
	}
	return fmt.Sprintf("%s (%s)", format.Plural(int(h.Packets), "packet"), format.Unit(float64(h.Bytes), "B"))
}
