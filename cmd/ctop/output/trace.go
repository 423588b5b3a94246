package output

import (
	"fmt"
	"slices"
	"strings"

	"ctop/internal/field"
	"ctop/internal/format"
	"ctop/tracker/flow"
)

// tcpFlagLetters has the letter of each TCP flag, from the lowest bit on.
const tcpFlagLetters = "FSRPAUEC"

// AppendTrace appends one packet as a line: an object for JSON and JSONL, text for
// all other formats. in names the interfaces.
func AppendTrace(b []byte, f Format, t *flow.Trace, in []string) []byte {
	if f == JSON || f == JSONL {
		b = appendTraceJSON(b, t, in)
	} else {
		b = appendTraceText(b, t, in, f == Wide)
	}
	return append(b, '\n')
}

// wayOf says whether a packet came in by a watched interface or went out.
func wayOf(t *flow.Trace) string {
	switch {
	case !t.Watched:
		return ""
	case t.Outgoing:
		return "out"
	}
	return "in"
}

func appendTraceText(b []byte, t *flow.Trace, in []string, full bool) []byte {
	if t.Lost > 0 {
		return fmt.Appendf(b, "%15s  lost %s", "", format.Plural(int(t.Lost), "packet"))
	}
	b = t.Time.Local().AppendFormat(b, "15:04:05.000000")
	b = fmt.Appendf(b, "  %s  ", format.Clean(nameAt(in, t.In)))
	if way := wayOf(t); way != "" {
		b = fmt.Appendf(b, "%-3s  ", way)
	}
	if full {
		b = append(format.AppendHex(b, uint64(t.Flow)), "  "...)
	}
	if t.Tuple.Src.Addr().IsValid() {
		b = fmt.Appendf(b, "%-*s  ", tupleWidth, t.Tuple)
	}
	if t.Kind != flow.PacketFlow {
		b = append(append(b, t.Kind.String()...), ' ')
	}
	if isSegment(t) {
		b = fmt.Appendf(b, "%s seq=%d ack=%d win=%d len=%d", flagLetters(t.Flags), t.Seq, t.Ack, t.Window, t.Payload)
	} else {
		b = fmt.Appendf(b, "%d bytes", t.Bytes)
	}
	b = append(append(b, "  "...), t.Verdict.String()...)
	if why := t.Reason(); why != "" {
		b = fmt.Appendf(b, " (%s)", why)
	}
	if t.Dropped {
		b = append(b, ", dropped"...)
	}
	if t.From != t.To {
		return fmt.Appendf(b, "  %s → %s", traceState(t.From), traceState(t.To))
	}
	if t.To != flow.StateNone {
		b = append(append(b, "  "...), t.To.String()...)
	}
	return b
}

// nameAt returns the name of an interface, empty if there is none.
func nameAt(names []string, i uint16) string {
	if int(i) < len(names) {
		return names[i]
	}
	return ""
}

// isSegment reports whether the packet has TCP numbers.
func isSegment(t *flow.Trace) bool {
	return t.Tuple.Proto == flow.ProtocolTCP && t.Kind == flow.PacketFlow
}

func flagLetters(flags uint8) string {
	var letters []byte
	for i := range len(tcpFlagLetters) {
		if flags>>i&1 != 0 {
			letters = append(letters, tcpFlagLetters[i])
		}
	}
	if letters == nil {
		return "."
	}
	return string(letters)
}

func traceState(s flow.State) string {
	if s == flow.StateNone {
		return "none"
	}
	return s.String()
}

// tupleMembers are the members of an event that name the flow, without its id, its
// process and where it was seen.
var tupleMembers = newMembers(slices.DeleteFunc(ofEvents(field.Members(), field.EveryEvent), func(f *field.Field) bool {
	return slices.Contains([]string{"id", "if", "on", "dir", "local.end"}, f.Name) || strings.HasPrefix(f.JSON, "process.")
})).flat("origin")

func appendTraceJSON(b []byte, t *flow.Trace, in []string) []byte {
	if t.Lost > 0 {
		b = append(b, `{"trace":"lost","count":`...)
		return append(format.AppendUint(b, t.Lost), '}')
	}
	b = append(b, `{"time":"`...)
	b = appendTime(b, t.Time)
	b = append(append(b, `","trace":"`...), t.Kind.String()...)
	b = append(b, `","in":`...)
	b = append(b, quote(nameAt(in, t.In))...)
	if way := wayOf(t); way != "" {
		b = append(append(append(b, `,"dir":"`...), way...), '"')
	}
	if t.Flow != 0 {
		b = append(format.AppendHex(append(b, `,"id":"`...), uint64(t.Flow)), '"')
		b = append(append(append(b, `,"direction":"`...), t.Direction.String()...), '"')
	}
	if t.Tuple.Src.Addr().IsValid() {
		b = tupleMembers.append(b, &flow.Flow{Tuple: t.Tuple}, nil)
	}
	if isSegment(t) {
		b = fmt.Appendf(b, `,"flags":"%s","seq":%d,"ack":%d,"window":%d,"payload":%d`,
			flagLetters(t.Flags), t.Seq, t.Ack, t.Window, t.Payload)
	}
	b = fmt.Appendf(b, `,"bytes":%d,"segments":%d,"verdict":"%s"`, t.Bytes, t.Segments, t.Verdict)
	if why := t.Reason(); why != "" {
		b = append(append(append(b, `,"reason":"`...), why...), '"')
	}
	b = fmt.Appendf(b, `,"dropped":%t`, t.Dropped)
	b = appendState(b, "from", t.From)
	b = appendState(b, "to", t.To)
	return append(b, '}')
}
