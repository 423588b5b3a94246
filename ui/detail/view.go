package detail

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"ctop/internal/format"
	"ctop/internal/names/geo"
	"ctop/tracker/flow"
)

// Lines returns the visible part of the page.
func (p *Page) Lines() []string {
	lines := p.all()
	return lines[min(p.top, len(lines)):]
}

func (p *Page) all() []string {
	lines := []string{" " + p.frame.Theme.Title.Render(p.tuple())}
	if p.absent {
		lines = append(lines, " "+p.frame.Theme.Alert.Render(" not in the table at "+p.frame.PausedAt.Format("15:04:05")+": the last that was seen is shown "))
	}
	if text := p.away(); text != "" {
		lines = append(lines, " "+p.frame.Theme.Alert.Render(" "+text+" "))
	}
	lines = append(append(lines, p.facts()...), "")
	lines = append(lines, p.directions()...)
	lines = append(lines, "")
	lines = append(lines, p.aroundLines()...)
	lines = append(lines, p.nameLines()...)
	lines = append(lines, p.processLines()...)
	lines = append(lines, p.quality()...)
	lines = append(lines, p.closerLines()...)
	if text := p.sickness(); text != "" {
		lines = append(append(lines, p.labelled("sick", text)...), "")
	}
	if p.flow.Holding.First {
		lines = append(append(lines, p.labelled("new", firstSeen)...), "")
	}
	if p.flow.Holding.Inherited {
		lines = append(append(lines, p.labelled("pair", inherited)...), "")
	}
	lines = append(lines, p.labelled("why", p.why())...)
	lines = append(lines, "")
	return append(lines, p.timeline()...)
}

// nameLines returns the names of both ends, with where they come from.
func (p *Page) nameLines() []string {
	var ends []string
	for i, end := range [...]flow.End{p.flow.Tuple.Src, p.flow.Tuple.Dst} {
		var server *flow.ServerName
		if flow.Direction(i) == flow.Reply {
			server = p.flow.Server
		}
		list := p.frame.Names.Of(end.Addr(), server)
		if place := geo.Of(end.Addr()); place.Country != "" {
			list = append(list, "in "+place.Country)
		}
		if place := geo.Of(end.Addr()); place.AS != 0 {
			list = append(list, strings.TrimSpace(fmt.Sprintf("AS%d %s", place.AS, place.Owner)))
		}
		if len(list) > 0 {
			ends = append(ends, flow.Direction(i).String()+": "+strings.Join(list, ", "))
		}
	}
	if ends == nil {
		return nil
	}
	return p.labelled("name", strings.Join(ends, "; "))
}

// inherited explains the sign of a flow of the partner.
const inherited = "The other host of the pair has it: its packets come by there, not here."

// firstSeen explains the sign of a flow that brought what is new.
const firstSeen = "It is the first with this port, network or address; the events say which."

func (p *Page) tuple() string {
	return format.Cut(format.Clean(p.flow.Tuple.String()), p.width-1)
}

// facts returns the general data of the flow, on as many lines as it needs.
func (p *Page) facts() []string {
	f := &p.flow
	facts := []string{p.state(), "in " + p.inbound(), "age " + format.Words(p.age())}
	if f.Tuple.VLAN != 0 {
		facts = append(facts, fmt.Sprintf("vlan %d", f.Tuple.VLAN))
	}
	if f.Tuple.VLANInner != 0 {
		facts = append(facts, fmt.Sprintf("inner vlan %d", f.Tuple.VLANInner))
	}
	if f.Tuple.VLANThird != 0 {
		facts = append(facts, fmt.Sprintf("third vlan %d", f.Tuple.VLANThird))
	}
	if f.Tuple.Session != 0 {
		facts = append(facts, fmt.Sprintf("pppoe session %d", f.Tuple.Session))
	}
	var lines []string
	for _, fact := range append(facts, "id "+f.ID.String()) {
		last := len(lines) - 1
		if last >= 0 && format.Width(lines[last])+3+format.Width(fact) < p.width {
			lines[last] += "   " + fact
			continue
		}
		lines = append(lines, " "+fact)
	}
	return lines
}

func (p *Page) state() string {
	if e := p.end(); e != nil && e.Recovered {
		return "ended"
	} else if e != nil {
		return "ended: " + e.Reason.String()
	}
	return p.flow.State.String()
}

func (p *Page) age() time.Duration {
	if e := p.end(); e != nil {
		return e.Age
	}
	return (p.flow.Age + p.frame.Since()).Truncate(time.Second)
}

func (p *Page) inbound() string {
	if p.snapshot == nil || int(p.flow.In) >= len(p.snapshot.Interfaces) {
		return "?"
	}
	name := p.snapshot.Interfaces[p.flow.In].Name
	if host := p.snapshot.Interfaces[p.flow.In].Host; host != "" {
		name += " of " + host
	}
	return format.Clean(name)
}

func (p *Page) directions() []string {
	titles := p.directionRow("", "PACKETS", "BYTES", "RATE", "RTT", "RETRANS", "WINDOW", "IN FLIGHT")
	room := p.width - format.Width(titles) - 4
	over, history := "  NOW", p.rates()
	if d := history.Covered(room).Truncate(time.Second); d > 0 {
		over = "  LAST " + format.Age(d)
	}
	if room <= 0 {
		over = ""
	}
	return []string{
		p.frame.Theme.Head.Render(" " + titles + over),
		" " + p.direction("origin →", p.flow.Origin, history.Rates(0, p.frame.Unit)),
		" " + p.direction("reply  ←", p.flow.Reply, history.Rates(1, p.frame.Unit)),
	}
}

// roomy is the width from which the table of directions shows the RTT and
// retransmissions.
const roomy = 76

// bare is the width below which it only shows packets, bytes and rate, in
// narrow columns.
const bare = 46

// roomier is the width from which it also shows the windows.
const roomier = 104

// showsQuality reports whether the table of directions shows the RTT and
// retransmissions.
func (p *Page) showsQuality() bool {
	return p.flow.Tuple.Proto == flow.ProtocolTCP && p.width >= roomy
}

// showsWindows reports whether the table of directions shows the windows.
func (p *Page) showsWindows() bool {
	return p.flow.Origin.WindowKnown && p.end() == nil && p.width >= roomier
}

func (p *Page) directionRow(name, packets, bytes, rate, rtt, retrans, window, flight string) string {
	if p.width < bare {
		return format.Left(name, 8) + format.Right(packets, 10) + format.Right(bytes, 10) + format.Right(rate, 11)
	}
	row := format.Left(name, 9) + format.Right(packets, 12) + format.Right(bytes, 11) + format.Right(rate, 12)
	if p.showsQuality() {
		row += format.Right(rtt, 9) + format.Right(retrans, 9)
	}
	if p.showsWindows() {
		row += format.Right(window, 10) + format.Right(flight, 11)
	}
	return row
}

func (p *Page) direction(name string, h flow.Half, rates []float64) string {
	if !h.Seen() {
		const u = format.Unseen
		return p.directionRow(name, u, u, u, u, u, u, u) + "  never seen"
	}
	rtt := format.Unseen
	if h.RTT > 0 {
		rtt = format.Short(h.RTT)
	}
	row := p.directionRow(name, format.Count(int(h.Packets)), format.TotalBytes(h.Bytes),
		format.Unit(p.frame.Unit.Of(h), p.frame.Unit.Short()), rtt, format.Capped(h.Retransmits),
		format.TotalBytes(uint64(h.Window)), format.TotalBytes(uint64(h.InFlight)))
	room := p.width - format.Width(row) - 4
	if room <= 0 {
		return row
	}
	return row + "  " + format.Spark(rates, room)
}

// labelled wraps a text to the right of its label.
func (p *Page) labelled(label, text string) []string {
	const indent = 10
	var lines []string
	for i, line := range strings.Split(ansi.Wordwrap(text, max(p.width-indent-1, 10), ""), "\n") {
		if i > 0 {
			label = ""
		}
		lines = append(lines, " "+p.frame.Theme.Dim.Render(format.Left(label, indent-1))+line)
	}
	return lines
}

// timeline returns the events of the flow.
func (p *Page) timeline() []string {
	if len(p.events) == 0 {
		return p.labelled("timeline", "nothing has happened since this console was opened")
	}
	moments := make([]string, len(p.events))
	for i := range p.events {
		moments[i] = p.moment(i)
	}
	return p.labelled("timeline", strings.Join(moments, "\n"))
}

func (p *Page) moment(i int) string {
	e := &p.events[i]
	text := e.Time.Format("15:04:05.000") + "  " + format.Left(outcome(e), 12) + " " + format.Left(cause(e), 29)
	if i == 0 {
		return text
	}
	return text + " + " + gapText(e.Time.Sub(p.events[i-1].Time))
}

func outcome(e *flow.Event) string {
	if e.Type == flow.EventDestroy {
		return "ended"
	}
	return e.To.String()
}

func gapText(d time.Duration) string {
	return format.Short(max(d, 0))
}
