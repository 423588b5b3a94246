package detail

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// Lines draws the visible part of the page.
func (m *Model) Lines() []string {
	lines := m.all()
	return lines[min(m.top, len(lines)):]
}

func (m *Model) all() []string {
	lines := []string{" " + m.theme.Title.Render(m.tuple())}
	lines = append(append(lines, m.facts()...), "")
	lines = append(lines, m.directions()...)
	lines = append(lines, "")
	lines = append(lines, m.quality()...)
	lines = append(lines, m.labelled("why", m.why())...)
	lines = append(lines, "")
	return append(lines, m.timeline()...)
}

func (m *Model) tuple() string {
	return format.Cut(format.Clean(m.flow.Tuple.String()), m.width-1)
}

// facts are on one line, or on as many as they need.
func (m *Model) facts() []string {
	f := &m.flow
	facts := []string{m.state(), "in " + m.inbound(), "age " + format.Words(m.age())}
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
		if last >= 0 && format.Width(lines[last])+3+format.Width(fact) < m.width {
			lines[last] += "   " + fact
			continue
		}
		lines = append(lines, " "+fact)
	}
	return lines
}

func (m *Model) state() string {
	if e := m.end(); e != nil && e.Recovered {
		return "ended"
	} else if e != nil {
		return "ended: " + e.Reason.String()
	}
	return m.flow.State.String()
}

func (m *Model) age() time.Duration {
	if e := m.end(); e != nil {
		return e.Age
	}
	return (m.flow.Age + m.since).Truncate(time.Second)
}

func (m *Model) inbound() string {
	if m.snapshot == nil || int(m.flow.In) >= len(m.snapshot.Interfaces) {
		return "?"
	}
	return format.Clean(m.snapshot.Interfaces[m.flow.In].Name)
}

func (m *Model) directions() []string {
	titles := m.directionRow("", "PACKETS", "BYTES", "RATE", "RTT", "RETRANS", "WINDOW", "IN FLIGHT")
	room := m.width - format.Width(titles) - 4
	over := "  NOW"
	if d := m.history.covered(room).Truncate(time.Second); d > 0 {
		over = "  LAST " + format.Age(d)
	}
	if room <= 0 {
		over = ""
	}
	return []string{
		m.theme.Head.Render(" " + titles + over),
		" " + m.direction("origin →", m.flow.Origin, m.history.rates(0, m.unit)),
		" " + m.direction("reply  ←", m.flow.Reply, m.history.rates(1, m.unit)),
	}
}

// roomy is the width from which on there is room for how well a direction fares.
const roomy = 76

// bare is the width below which there is no room for anything but what a
// direction has carried, and none to spare for that.
const bare = 46

// roomier is the width from which on there is room for its windows, too.
const roomier = 104

// tells reports whether the directions tell how well they fare.
func (m *Model) tells() bool {
	return m.flow.Tuple.Proto == flow.ProtocolTCP && m.width >= roomy
}

// tellsWindows reports whether they tell their windows.
func (m *Model) tellsWindows() bool {
	return m.flow.Origin.WindowKnown && m.end() == nil && m.width >= roomier
}

func (m *Model) directionRow(name, packets, bytes, rate, rtt, retrans, window, flight string) string {
	if m.width < bare {
		return format.Left(name, 8) + format.Right(packets, 10) + format.Right(bytes, 10) + format.Right(rate, 11)
	}
	row := format.Left(name, 9) + format.Right(packets, 12) + format.Right(bytes, 11) + format.Right(rate, 12)
	if m.tells() {
		row += format.Right(rtt, 9) + format.Right(retrans, 9)
	}
	if m.tellsWindows() {
		row += format.Right(window, 10) + format.Right(flight, 11)
	}
	return row
}

func (m *Model) direction(name string, h flow.Half, rates []float64) string {
	if !h.Seen() {
		const u = format.Unseen
		return m.directionRow(name, u, u, u, u, u, u, u) + "  never seen"
	}
	rtt := format.Unseen
	if h.RTT > 0 {
		rtt = format.Short(h.RTT)
	}
	row := m.directionRow(name, format.Count(int(h.Packets)), format.TotalBytes(h.Bytes),
		format.Unit(m.unit.Of(h), m.unit.Short()), rtt, format.Capped(h.Retransmits),
		format.TotalBytes(uint64(h.Window)), format.TotalBytes(uint64(h.InFlight)))
	room := m.width - format.Width(row) - 4
	if room <= 0 {
		return row
	}
	return row + "  " + format.Spark(rates, room)
}

// labelled wraps a text beside its label.
func (m *Model) labelled(label, text string) []string {
	const indent = 10
	var lines []string
	for i, line := range strings.Split(ansi.Wordwrap(text, max(m.width-indent-1, 10), ""), "\n") {
		if i > 0 {
			label = ""
		}
		lines = append(lines, " "+m.theme.Dim.Render(format.Left(label, indent-1))+line)
	}
	return lines
}

// timeline shows what has happened to the flow.
func (m *Model) timeline() []string {
	if len(m.events) == 0 {
		return m.labelled("timeline", "nothing has happened since this console was opened")
	}
	moments := make([]string, len(m.events))
	for i := range m.events {
		moments[i] = m.moment(i)
	}
	return m.labelled("timeline", strings.Join(moments, "\n"))
}

func (m *Model) moment(i int) string {
	e := &m.events[i]
	text := e.Time.Format("15:04:05.000") + "  " + format.Left(outcome(e), 12) + " " + format.Left(cause(e), 29)
	if i == 0 {
		return text
	}
	return text + " + " + gapText(e.Time.Sub(m.events[i-1].Time))
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
