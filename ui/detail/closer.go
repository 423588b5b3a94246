package detail

import (
	"fmt"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// closer is what a closer look at the flow has found: what the machine knows of it, and
// its other half on the far side of a translation, where a watched interface shows that.
type closer struct {
	flow.Inspection
	err  error
	half *flow.Flow
	// in is the interface of the other half.
	in string
}

// lookCloser returns the function that looks, nil if there is nothing to look at.
func (p *Page) lookCloser() func() closer {
	inspect, ref, s := p.frame.Inspect, p.flow.Ref(), p.frame.Shown
	if inspect == nil || p.end() != nil {
		return nil
	}
	return func() closer {
		var found closer
		found.Inspection, found.err = inspect(ref)
		if found.NAT != nil && s != nil {
			found.half, found.in = otherHalf(s, ref.ID, *found.NAT)
		}
		return found
	}
}

func (p *Page) takeCloser(found closer) tea.Cmd {
	if p.end() == nil && !p.frame.Paused {
		p.closer = found
	}
	return nil
}

// otherHalf returns the flow that has the tuple, in either direction, at some watched
// interface, and the interface.
func otherHalf(s *flow.Snapshot, but flow.ID, tuple flow.Tuple) (half *flow.Flow, in string) {
	back := tuple.Reverse()
	for i := range s.Flows {
		f := &s.Flows[i]
		t := f.Tuple
		t.Zone, t.VLAN, t.VLANInner, t.VLANThird, t.Session = 0, 0, 0, 0, 0
		if f.ID == but || t != tuple && t != back || int(f.In) >= len(s.Interfaces) {
			continue
		}
		return f, format.Clean(s.Interfaces[f.In].Name)
	}
	return nil, ""
}

// closerLines returns the lines about translation and sockets, as far as there is
// anything to tell.
func (p *Page) closerLines() []string {
	if p.end() != nil {
		return nil
	}
	c := &p.closer
	var lines []string
	if c.NAT != nil {
		lines = append(lines, p.labelled("nat", p.translation())...)
	}
	for _, end := range [...]struct {
		name   string
		socket *flow.Socket
	}{{"origin", c.Origin}, {"reply", c.Reply}} {
		if end.socket != nil {
			lines = append(lines, p.labelled("socket", end.name+", of this machine: "+p.socket(end.socket))...)
		}
	}
	if c.err != nil {
		lines = append(lines, p.labelled("socket", "not known: "+format.Clean(c.err.Error()))...)
	}
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	return lines
}

// translation returns the tuple of the other half, and its counters.
func (p *Page) translation() string {
	c := &p.closer
	text := "its other half is " + format.Clean(c.NAT.Source()+" → "+c.NAT.Destination())
	if c.half == nil {
		return text + ", at no watched interface"
	}
	text += " at " + c.in
	if c.half.Tuple.Src != c.NAT.Src {
		text += ", seen from its reply"
	}
	return text + ": origin " + p.volume(c.half.Origin) + ", reply " + p.volume(c.half.Reply)
}

func (p *Page) volume(h flow.Half) string {
	return fmt.Sprintf("%s, %s, %s", format.Plural(int(h.Packets), "packet"), format.TotalBytes(h.Bytes),
		format.Unit(p.frame.Unit.Of(h), p.frame.Unit.Short()))
}

// socket returns what the kernel knows of a socket.
func (p *Page) socket(s *flow.Socket) string {
	var parts []string
	if s.Congestion != "" {
		parts = append(parts, format.Clean(s.Congestion))
	}
	parts = append(parts, "cwnd "+format.Count(int(s.CWnd))+" × "+format.Count(int(s.MSS))+" B")
	if s.SSThresh > 0 {
		parts = append(parts, "ssthresh "+format.Count(int(s.SSThresh)))
	}
	if s.SRTT > 0 {
		parts = append(parts, "rtt "+format.Short(s.SRTT)+" ± "+format.Short(s.RTTVar))
	}
	if s.MinRTT > 0 {
		parts = append(parts, "min rtt "+format.Short(s.MinRTT))
	}
	parts = append(parts, "rto "+format.Short(s.RTO), format.Count(int(s.Retransmits))+" retransmitted")
	if s.Lost > 0 {
		parts = append(parts, format.Count(int(s.Lost))+" lost")
	}
	if s.PacingRate > 0 {
		parts = append(parts, "pacing "+p.bits(s.PacingRate))
	}
	if s.DeliveryRate > 0 {
		text := "delivery " + p.bits(s.DeliveryRate)
		if s.AppLimited {
			text += " (limited by its program)"
		}
		parts = append(parts, text)
	}
	parts = append(parts, format.TotalBytes(uint64(s.Unacknowledged))+" unacknowledged", format.TotalBytes(uint64(s.Unread))+" unread")
	return strings.Join(parts, ", ")
}

// bits returns a rate in the unit of the console, in bits where that counts packets.
func (p *Page) bits(rate float64) string {
	unit := p.frame.Unit
	if unit == format.Bytes {
		return format.Unit(rate/8, unit.Short())
	}
	return format.Unit(rate, format.Bits.Short())
}
