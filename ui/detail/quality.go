package detail

import (
	"fmt"
	"strings"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// quality says how well the flow fares, as far as that is known.
func (p *Page) quality() []string {
	var lines []string
	if text := handshake(&p.flow); text != "" && !p.tells() {
		lines = append(lines, p.labelled("answered", text)...)
	}
	if p.flow.Origin.WindowKnown && p.end() == nil && !p.tellsWindows() {
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

// handshake says how long each side took to answer.
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

// windows says how much each side still takes, and how much is on its way there.
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

// troubles counts what should not have been and does not stand beside the
// directions.
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
		if n := side.half.Retransmits; n > 0 && !p.tells() {
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

// many returns the value of a counter that stops at 65,535, with what it counts.
func many(n uint16, what string) string {
	if n != 1 {
		what += "s"
	}
	return format.Capped(n) + " " + what
}
