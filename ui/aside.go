package ui

import (
	"strings"

	"ctop/internal/format"
	"ctop/ui/address"
	"ctop/ui/page"
)

// aside returns what the page has no room for of the selected line, unless a dialog
// hides that.
func (m *root) aside() page.Aside {
	for _, d := range m.frame.Dialogs() {
		if d.Below().HidesAside {
			return page.Aside{}
		}
	}
	return m.frame.Front().Aside()
}

// asideLines draws the selected tuple, on one line or on two if it is longer, and the
// flow's state and rates.
func (m *root) asideLines(lines int) []string {
	if lines == 0 {
		return nil
	}
	a := m.aside()
	var text []string
	if n := a.Lines(m.frame.Width); n > 0 {
		text = wholeTuple(a.Tuple, m.frame.Width, min(n, lines))
	}
	if a.Terse {
		text = append(text, " "+a.Facts)
	}
	for len(text) < lines {
		text = append(text, "")
	}
	return text[:lines]
}

// wholeTuple draws a tuple. If the screen is too narrow for an address, that is
// shortened in the middle, so that neither its network nor its port is lost.
func wholeTuple(text string, width, lines int) []string {
	if format.Width(text) < width {
		return []string{" " + text}
	}
	ends, second, _ := strings.Cut(text, " → ")
	proto, first, _ := strings.Cut(ends, " ")
	proto = " " + proto + " "
	if lines > 1 {
		room := width - len(proto)
		return []string{
			proto + address.Ends(first, room-len(" -")) + " →",
			format.Blank(len(proto)) + address.Ends(second, room),
		}
	}
	room := width - len(proto) - len(" - ")
	half := max(room/2, room-format.Width(second))
	first = address.Ends(first, half)
	return []string{proto + first + " → " + address.Ends(second, room-format.Width(first))}
}
