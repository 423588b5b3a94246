// Package address shortens the ends of flows, addresses with port or ICMP ID,
// to the width of a column. It keeps ports and IDs, and the part of an address
// that distinguishes the flows on the screen.
package address

import (
	"strings"

	"ctop/internal/format"
)

// least is the least number of characters of an address that are worth showing.
const least = 3

// Fit shortens each end to at most width cells. Ends that differ still differ
// afterwards, if possible.
func Fit(ends []string, width int) []string {
	whole, tooLong := dropEcho(ends, width)
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

// Shorten shortens one end to at most width cells.
func Shorten(text string, width int) string {
	return Fit([]string{text}, width)[0]
}

// Ends shortens one end to at most width cells. It keeps the start and the end
// of the address, since a single address is recognized by its network and its
// host part.
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

// dropEcho removes the word "echo" from ends that are too long:
// "10.0.0.1#4711". tooLong is set if one still is.
func dropEcho(ends []string, width int) (texts []string, tooLong bool) {
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

// distinct reports whether different texts are still different after
// shortening.
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

// commonPrefix returns the length of the common prefix of all addresses that
// are too long. It ends after a colon.
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

// end is the end of a flow split into parts, such as "[", "2001:db8::1",
// "]:443".
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

// tail keeps the last characters of the address, in which neighbours differ.
func (e end) tail(width int) string {
	room := width - len(e.open) - len(e.rest) - 1
	if room < least || room >= len(e.address) {
		return e.String()
	}
	return e.open + "…" + e.address[len(e.address)-room:] + e.rest
}

// middle skips the first skip characters of the address and drops its end.
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

// String returns the unshortened end.
func (e end) String() string { return e.open + e.address + e.rest }
