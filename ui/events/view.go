package events

import (
	"strings"

	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/address"
	"ctop/ui/page"
	"ctop/ui/theme"
)

// Column widths, and the screen widths from which more columns are shown.
const (
	typeWidth      = 7
	stateWidth     = 11
	directionWidth = 6
	typed          = 72
	fineTime       = 100
	everything     = 120
	// hosted is the width from which on there is a column of the hosts of a fleet.
	hosted    = 56
	hostWidth = 12
)

// Lines returns the visible part of the log, or a reason why it is empty.
func (p *Page) Lines() []string {
	var lines []string
	if p.titled() {
		lines = append(lines, p.frame.Theme.Head.Render(format.Cut(p.titles(), p.width)))
	}
	first, end := p.window.Visible()
	for i := first; i < end; i++ {
		lines = append(lines, p.row(&p.entries()[p.shown[i]], i == p.window.Cursor))
	}
	if len(p.shown) == 0 {
		lines = append(lines, p.frame.Empty(p.emptiness())...)
	}
	return lines
}

func (p *Page) emptiness() string {
	if p.only {
		return "nobody has done anything here yet"
	}
	if n := len(p.log); n > 0 && !p.filter.Empty() {
		return "none of " + format.Plural(n, "event") + " passes the filter; Esc clears it"
	}
	if p.frame.Past {
		return "nothing had happened yet"
	}
	if p.options.Fleet {
		return "nothing has happened since this page was opened"
	}
	return "nothing has happened yet"
}

// Facts returns the other operators, the filter, whether the cursor follows,
// and the number of events.
func (p *Page) Facts() []string {
	var facts []string
	if on := p.frame.Present; len(on) > 0 {
		facts = append(facts, "on: "+format.Clean(strings.Join(on, ", ")))
	}
	if p.only {
		facts = append(facts, "acts and sessions")
	} else {
		facts = append(facts, p.frame.FilterFacts()...)
	}
	switch {
	case !p.logged():
		facts = append(facts, p.sorted())
	case !p.follow:
		facts = append(facts, "G follows")
	}
	return append(facts, page.Fraction(p.Counts()))
}

// Hints returns the keys of the page.
func (p *Page) Hints() []page.Hint {
	k := p.frame.Keys
	return []page.Hint{
		{Key: k.Filter, Does: "filter"},
		{Key: k.Sort, Does: "sort"},
		{Key: k.Enter, Does: "detail"},
		{Key: k.Bottom, Does: "follow"},
		{Key: actsOnly, Does: p.others()},
		{Key: k.Copy, Does: "copy"},
		{Key: k.Export, Does: "export"},
		p.frame.PauseHint(),
	}
}

// others says what the key shows that shows the notices alone.
func (p *Page) others() string {
	if p.only {
		return "all events"
	}
	return "acts"
}

// Aside returns the flow of the selected event.
func (p *Page) Aside() page.Aside {
	a := page.Aside{Narrow: p.widest > p.room(), Widest: p.widest}
	if e := p.selected(); e != nil {
		a.Tuple = flowText(e)
	}
	return a
}

func (p *Page) titles() string {
	text := "  " + format.Left("TIME", p.timeWidth()) + "  " + p.host("HOST")
	if p.only {
		return text + "WHO DID WHAT"
	}
	if p.showsType() {
		text += format.Left("EVENT", typeWidth) + "  "
	}
	if p.width < everything {
		return text + format.Left("TO", stateWidth) + "  " + p.amountTitle() + "FLOW"
	}
	return text + format.Left("FROM", stateWidth) + "  " + format.Left("TO", stateWidth) + "  " +
		format.Left("BY", directionWidth) + "  " + p.amountTitle() + "FLOW"
}

// amountWidth is the width of what the events are sorted by.
const amountWidth = 8

// showsType reports whether there is room for the kind of the event, which what the events
// are sorted by needs first.
func (p *Page) showsType() bool {
	return p.width >= typed && (p.sorting() == byTime || p.width >= fineTime)
}

// amountTitle is the title of what the events are sorted by, if that is not the time.
func (p *Page) amountTitle() string {
	if p.sorting() == byTime {
		return ""
	}
	return format.Right(strings.ToUpper(p.sorting().String())+p.arrow(), amountWidth) + "  "
}

// amount is what an event is sorted by, empty if that is the time.
func (p *Page) amount(e *flow.Event) string {
	text := ""
	switch {
	case p.sorting() == byTime:
		return ""
	case e.Type != flow.EventDestroy || e.Recovered:
		text = format.Inapplicable
	case p.sorting() == byBytes:
		text = format.Total(e.Origin.Bytes + e.Reply.Bytes)
	default:
		text = format.Lasted(e.Age)
	}
	return format.Right(text, amountWidth) + "  "
}

// host is the cell of a host, where there are several.
func (p *Page) host(name string) string {
	if !p.options.Fleet || p.width < hosted || p.only {
		return ""
	}
	return format.Left(format.Clean(name), hostWidth) + "  "
}

func (p *Page) row(e *entry, selected bool) string {
	text := "  " + p.text(e)
	style := p.style(e)
	if !selected {
		return style.Render(format.Cut(text, p.width))
	}
	return p.frame.Theme.Cursor.On(style).Render(format.Left("▌"+text[1:], p.width))
}

func (p *Page) text(line *entry) string {
	e := &line.Event
	if line.notice != "" {
		return format.Left(p.timeText(e), p.timeWidth()) + "  " + line.notice
	}
	if e.Type == flow.EventLost {
		return format.Left(p.timeText(e), p.timeWidth()) + "  " + p.host(e.Host) + "lost " + format.Plural(int(e.Lost), "event")
	}
	text := p.timeText(e) + mark(e) + p.host(e.Host)
	if p.showsType() {
		text += format.Left(e.Type.String(), typeWidth) + "  "
	}
	if p.width >= everything {
		text += format.Left(stateText(e.From), stateWidth) + "  "
	}
	text += format.Left(outcome(e), stateWidth) + "  "
	if p.width >= everything {
		text += format.Left(causedBy(e), directionWidth) + "  "
	}
	text += p.amount(e)
	tuple := p.tuple(e)
	return text + tuple + p.rest(e, p.room()-format.Width(tuple))
}

// mark returns the mark of an event recovered from the table, whose time is
// approximate.
func mark(e *flow.Event) string {
	if e.Recovered {
		return "~ "
	}
	return "  "
}

// outcome returns the new state of the flow, or the reason for its end.
func outcome(e *flow.Event) string {
	if e.Type == flow.EventDestroy && e.Recovered {
		return "ended"
	}
	if e.Type == flow.EventDestroy {
		return e.Reason.String()
	}
	return stateText(e.To)
}

func stateText(s flow.State) string {
	if s == flow.StateNone {
		return ""
	}
	return s.String()
}

func flowText(e *flow.Event) string {
	return format.Clean(e.Tuple.String())
}

// tuple returns the tuple. If it does not fit, both ends are shortened.
func (p *Page) tuple(e *flow.Event) string {
	text := flowText(e)
	if format.Width(text) <= p.room() {
		return text
	}
	proto := e.Tuple.Proto.String() + " "
	if p.width < typed {
		proto = ""
	}
	half := (p.room() - len(proto) - len(" > ")) / 2
	return proto + address.Shorten(format.Clean(e.Tuple.Source()), half) + " → " +
		address.Shorten(format.Clean(e.Tuple.Destination()), half)
}

// causedBy returns the direction of the packet that caused the event, empty if
// no packet is known to have.
func causedBy(e *flow.Event) string {
	if e.Recovered {
		return ""
	}
	switch e.Reason {
	case flow.ReasonExpired, flow.ReasonDeleted, flow.ReasonEvicted:
		return ""
	}
	return e.Direction.String()
}

// rest returns further details that fit on a wide screen: the age and volume of
// an ended flow, or that the event was recovered.
func (p *Page) rest(e *flow.Event, room int) string {
	text := ""
	switch {
	case e.Recovered:
		text = "  recovered"
	case e.Type == flow.EventDestroy:
		text = "  after " + format.Lasted(e.Age) + ", " + format.TotalBytes(e.Origin.Bytes+e.Reply.Bytes)
	}
	if room < len(text) {
		return ""
	}
	return text
}

func (p *Page) style(e *entry) theme.Style {
	switch {
	case e.notice != "":
		return p.frame.Theme.Notice
	case e.Type == flow.EventLost:
		return p.frame.Theme.Alert
	case e.Type == flow.EventDestroy:
		return p.frame.Theme.Dim
	case e.To.Opening():
		return p.frame.Theme.Opening
	case e.To.Closing():
		return p.frame.Theme.Closing
	}
	return theme.Style{}
}

func (p *Page) timeText(e *flow.Event) string {
	if p.width >= fineTime {
		return e.Time.Format("15:04:05.000")
	}
	return e.Time.Format("15:04:05")
}

func (p *Page) timeWidth() int {
	if p.width >= fineTime {
		return len("15:04:05.000")
	}
	return len("15:04:05")
}

// room returns the width left for the tuple.
func (p *Page) room() int {
	return p.width - format.Width(p.titles()) + len("FLOW")
}
