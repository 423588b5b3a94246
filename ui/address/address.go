// Package address brings the ends of flows into columns that are too narrow for
// them. Ports and ids are never touched; of an address that part stays which
// tells the flows on the screen apart.
package address

import (
	"strings"

	"ctop/internal/format"
)

// least is how much of an address has to stay for it to be worth showing.
const least = 3

// Fit returns the ends, each in at most width cells. Ends that differ still do
// where that is possible.
func Fit(ends []string, width int) []string {
	whole, tooLong := terse(ends, width)
	if !tooLong {
		return whole
	}
	skip := commonPrefix(whole, width)
	for _, shorten := range []func(end) string{
		func(e end) string { return e.tail(width) },
		func(e end) string { return e.middle(skip, width) },
		func(e end) string { return e.middle(0, width) },
	} {
		if texts := each(whole, width, shorten); distinct(ends, texts) {
			return texts
		}
	}
	return each(whole, width, func(e end) string { return e.tail(width) })
}

// Shorten returns one end in at most width cells.
func Shorten(text string, width int) string {
	return Fit([]string{text}, width)[0]
}

// Ends returns one end in at most width cells, with both ends of its address and
// all that follows it: where there is but one, network and host both tell.
func Ends(text string, width int) string {
	if format.Width(text) <= width {
		return text
	}
	e := split(text)
	room := width - len(e.open) - len(e.rest) - 1
	if room < least {
		return format.Cut(text, width)
	}
	last := (room + 1) / 2
	return e.open + e.address[:room-last] + "…" + e.address[len(e.address)-last:] + e.rest
}

// terse leaves out, of ends that are too long, the word that goes without
// saying in an ICMP request: "10.0.0.1#4711".
func terse(ends []string, width int) (texts []string, tooLong bool) {
	texts = make([]string, len(ends))
	for i, text := range ends {
		if format.Width(text) > width {
			text = strings.Replace(text, " echo #", "#", 1)
		}
		texts[i] = text
		tooLong = tooLong || format.Width(text) > width
	}
	return texts, tooLong
}

func each(texts []string, width int, shorten func(end) string) []string {
	short := make([]string, len(texts))
	for i, text := range texts {
		short[i] = text
		if format.Width(text) > width {
			short[i] = format.Cut(shorten(split(text)), width)
		}
	}
	return short
}

// distinct reports whether texts that differ still do when shortened.
func distinct(whole, short []string) bool {
	from := make(map[string]string, len(short))
	for i, s := range short {
		if other, ok := from[s]; ok && other != whole[i] {
			return false
		}
		from[s] = whole[i]
	}
	return true
}

// commonPrefix returns how long the beginning is that all the addresses share
// which are too long, up to a colon.
func commonPrefix(texts []string, width int) int {
	prefix, found := "", false
	for _, text := range texts {
		if format.Width(text) <= width {
			continue
		}
		address := split(text).address
		if !found {
			prefix, found = address, true
		}
		for !strings.HasPrefix(address, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return strings.LastIndex(prefix, ":") + 1
}

// end is an end of a flow in its parts: "[", "2001:db8::1", "]:443".
type end struct{ open, address, rest string }

func split(text string) end {
	e := end{address: text}
	stop := " #"
	switch {
	case strings.HasPrefix(text, "["):
		e.open, e.address, stop = "[", text[1:], "]"
	case strings.Contains(text, "."):
		stop = ": #"
	}
	if i := strings.IndexAny(e.address, stop); i >= 0 {
		e.address, e.rest = e.address[:i], e.address[i:]
	}
	return e
}

// tail keeps the end of the address, where neighbours differ.
func (e end) tail(width int) string {
	room := width - len(e.open) - len(e.rest) - 1
	if room < least || room >= len(e.address) {
		return e.String()
	}
	return e.open + "…" + e.address[len(e.address)-room:] + e.rest
}

// middle keeps what follows the first skip characters of the address.
func (e end) middle(skip, width int) string {
	before := ""
	if skip > 0 {
		before = "…"
	}
	room := width - len(e.open) - len(e.rest) - format.Width(before) - 1
	if room < least || skip+room >= len(e.address) {
		return e.tail(width)
	}
	return e.open + before + e.address[skip:skip+room] + "…" + e.rest
}

// String returns the end as it was.
func (e end) String() string { return e.open + e.address + e.rest }
