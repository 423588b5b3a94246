package overview

import (
	"strings"

	"ctop/internal/format"
	"ctop/internal/order"
)

// openedBy returns a line with the sources of new flows, at most room cells
// wide.
func (p *Page) openedBy(room int) string {
	o, rate := p.opening, p.history.opened()
	switch {
	case rate == 0:
		return ""
	case o.Flows == 0:
		return "not known: no events"
	case len(o.Top) == 0:
		return format.Cut("no single source: "+format.Count(o.Sources)+" of them", room)
	}
	line, named := "", 0
	for _, opener := range o.Top {
		text := name(opener) + " " + perSecond(opener.Flows, o.Flows, rate)
		if line != "" {
			text = "   " + text
		}
		if line != "" && format.Width(line+text) > room {
			break
		}
		line, named = line+text, named+opener.Flows
	}
	if rest := "   others " + perSecond(o.Flows-named, o.Flows, rate); named < o.Flows && format.Width(line+rest) <= room {
		line += rest
	}
	return format.Cut(line, room)
}

// perSecond returns part of all of a rate, formatted per second.
func perSecond(part, all int, rate float64) string {
	return strings.TrimSpace(format.Unit(rate*float64(part)/float64(all), "")) + "/s"
}

// name returns the address of an opener, or its network.
func name(o order.Opener) string {
	if o.Net.IsSingleIP() {
		return o.Net.Addr().String()
	}
	return o.Net.String()
}

// openers returns a sentence about the main source of new flows, empty if there
// are too few.
func (p *Page) openers() string {
	o := p.opening
	switch {
	case o.Flows < enough:
		return ""
	case len(o.Top) == 0:
		return " No single source opens them: the addresses may be forged."
	}
	return " " + name(o.Top[0]) + " opens " + format.Percent(o.Top[0].Flows, o.Flows) + " of the new flows."
}
