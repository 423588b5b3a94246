package output

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ctop/internal/field"
	"ctop/internal/format"
	"ctop/tracker/flow"
)

// The members of an event that its flow has, and those of its end.
var (
	eventMembers = newMembers(ofEvents(field.Members(), field.EveryEvent)).flat("origin")
	endMembers   = newMembers(ofEvents(field.Members(), field.EndEvent, field.CloseEvent))
)

// The columns of an event that its flow has. Those added later follow its own.
var (
	eventColumns = addedIn(ofEvents(field.EventRecords(), field.EveryEvent), false)
	endColumns   = addedIn(ofEvents(field.EventRecords(), field.EndEvent), false)
	lateColumns  = addedIn(ofEvents(field.EventRecords(), field.EveryEvent, field.EndEvent, field.CloseEvent), true)
)

var eventCSVHeader = strings.Join([]string{
	"time,event", strings.ReplaceAll(eventColumns.header(), "origin.", ""), "from,to,direction,reason",
	endColumns.header(), "count,recovered", lateColumns.header(),
}, ",") + "\n"

// ownColumns is the number of columns from "from" to "reason".
const ownColumns = 4

// ofEvents returns the fields that events of some kinds have.
func ofEvents(fields []*field.Field, kinds ...field.Event) []*field.Field {
	return slices.DeleteFunc(fields, func(f *field.Field) bool { return !slices.Contains(kinds, f.Event) })
}

// addedIn returns the fields of the first release of the outputs, or those of later ones.
func addedIn(fields []*field.Field, late bool) records {
	return newRecords(slices.DeleteFunc(fields, func(f *field.Field) bool { return (f.InEventsSince() > 0) != late }))
}

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
		b = format.AppendUint(b, e.Lost)
		if e.Host != "" {
			b = appendQuoted(append(b, `,"host":`...), e.Host)
		}
		return append(b, '}')
	}
	b = append(b, `{"time":"`...)
	b = appendTime(b, e.Time)
	b = append(b, `","event":"`...)
	b = append(b, e.Type.String()...)
	b = append(b, '"')
	b = eventMembers.append(b, e.Flow(), field.NamesIn(e))
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

// appendEnd appends why a flow ended and what it had carried, in the members of
// the flow's object in a snapshot.
func appendEnd(b []byte, e *flow.Event) []byte {
	b = append(append(append(b, `,"reason":"`...), e.Reason.String()...), '"')
	return endMembers.append(b, e.Flow(), field.NamesIn(e))
}

func appendEventCSV(b []byte, e *flow.Event) []byte {
	if e.Type == flow.EventLost {
		return appendLostCSV(b, e)
	}
	f, names, end := e.Flow(), field.NamesIn(e), e.Type == flow.EventDestroy && !e.Recovered
	b = append(appendTime(b, e.Time), ',')
	b = append(append(b, e.Type.String()...), ',')
	b = append(eventColumns.append(b, f, names), ',')
	b = append(append(b, stateName(e.From)...), ',')
	b = append(append(b, stateName(e.To)...), ',')
	if !e.Recovered {
		b = append(b, e.Direction.String()...)
	}
	b = append(b, ',')
	b = append(append(b, e.Reason.String()...), ',')
	b = append(endColumns.appendIf(end, b, f, names), ',', ',')
	b = append(strconv.AppendBool(b, e.Recovered), ',')
	return lateColumns.appendIf(end, b, f, names)
}

// appendLostCSV appends the number of events that are missing, and whose.
func appendLostCSV(b []byte, e *flow.Event) []byte {
	before := len(eventColumns) + ownColumns + len(endColumns)
	b = append(b, ",lost,"...)
	b = append(b, strings.Repeat(",", before)...)
	b = append(format.AppendUint(b, e.Lost), ",false"...)
	for i := range lateColumns {
		b = append(b, ',')
		if lateColumns[i].field.JSON == "host" {
			b = append(b, csvText(e.Host)...)
		}
	}
	return b
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

// hostWidth is that of the column of the hosts of a fleet.
const hostWidth = 12

// appendEventText appends an event as people read it; in full it has the flow's
// id, too.
func appendEventText(b []byte, e *flow.Event, full bool) []byte {
	if e.Type == flow.EventLost {
		return fmt.Appendf(b, "%15s  %s%-7s  %s", "", hostText(e), e.Type, format.Plural(int(e.Lost), "event"))
	}
	b = e.Time.Local().AppendFormat(b, "15:04:05.000000")
	b = fmt.Appendf(b, "  %s%-7s  ", hostText(e), e.Type)
	if full {
		b = append(format.AppendHex(b, uint64(e.ID)), "  "...)
	}
	b = fmt.Appendf(b, "%-*s  ", tupleWidth, e.Tuple)
	switch {
	case e.Recovered:
		b = append(append(b, changeText(e)...), ", recovered"...)
	case e.Type == flow.EventNew:
		b = append(b, e.To.String()...)
	case e.Type == flow.EventDestroy:
		b = fmt.Appendf(b, "%s  %s after %s%s, %s out, %s in",
			e.From, e.Reason, format.Lasted(e.Age), closerText(e.ClosedBy), halfText(e.Origin), halfText(e.Reply))
	default:
		b = append(b, changeText(e)...)
	}
	if p := e.Holding.Owner(); p != nil {
		b = fmt.Appendf(b, "  %s[%d]", format.Clean(p.Name), p.PID)
	}
	return b
}

// hostText is the column of the host, where events are of several.
func hostText(e *flow.Event) string {
	if e.Host == "" {
		return ""
	}
	return format.Left(format.Clean(e.Host), hostWidth) + "  "
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
