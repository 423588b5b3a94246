package detail

import (
	"fmt"
	"strings"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// quality returns the lines about round-trip times, windows, closing and
// problems, as far as they are known.
func (p *Page) quality() []string {
	var lines []string
	if text := handshake(&p.flow); text != "" && !p.showsQuality() {
		lines = append(lines, p.labelled("answered", text)...)
	}
	if p.flow.Origin.WindowKnown && p.end() == nil && !p.showsWindows() {
		lines = append(lines, p.labelled("window", windows(&p.flow))...)
	}
	if by := p.flow.ClosedBy; by != flow.CloserNone {
		lines = append(lines, p.labelled("closed", "by "+by.String()+" first")...)
	}
	if text := p.troubles(); text != "" {
		lines = append(lines, p.labelled("trouble", text)...)
	}
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	return lines
}

// handshake returns the response time of each side in the handshake.
func handshake(f *flow.Flow) string {
	var parts []string
	if d := f.Reply.RTT; d > 0 {
		parts = append(parts, "by reply after "+format.Short(d))
	}
	if d := f.Origin.RTT; d > 0 {
		parts = append(parts, "by origin after "+format.Short(d))
	}
	return strings.Join(parts, ", ")
}

// windows returns each side's receive window and the bytes in flight to it.
func windows(f *flow.Flow) string {
	side := func(name string, h, other flow.Half) string {
		text := name + " takes " + format.TotalBytes(uint64(h.Window))
		if other.InFlight > 0 {
			text += ", " + format.TotalBytes(uint64(other.InFlight)) + " of them in flight"
		}
		return text
	}
	return side("origin", f.Origin, f.Reply) + "; " + side("reply", f.Reply, f.Origin)
}

// troubles returns the counters of problems that the table of directions does
// not show.
func (p *Page) troubles() string {
	f := &p.flow
	var parts []string
	add := func(n uint16, what string) {
		if n > 0 {
			parts = append(parts, many(n, what))
		}
	}
	for _, side := range [...]struct {
		name string
		half flow.Half
	}{{"origin", f.Origin}, {"reply", f.Reply}} {
		if n := side.half.Retransmits; n > 0 && !p.showsQuality() {
			parts = append(parts, fmt.Sprintf("%s sent %s again", side.name, many(n, "segment")))
		}
		if n := side.half.Reordered; n > 0 {
			parts = append(parts, fmt.Sprintf("%s from %s out of order", many(n, "segment"), side.name))
		}
		if n := side.half.ZeroWindows; n > 0 {
			parts = append(parts, fmt.Sprintf("%s closed its window %s", side.name, many(n, "time")))
		}
	}
	add(f.Invalid, "invalid packet")
	add(f.Related, "ICMP error")
	return strings.Join(parts, ", ")
}

// many formats a counter that stops at 65,535 with its unit.
func many(n uint16, what string) string {
	if n != 1 {
		what += "s"
	}
	return format.Capped(n) + " " + what
}
