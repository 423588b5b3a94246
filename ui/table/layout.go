package table

// Bounds of the address columns, in cells.
const (
	ipv4End   = 21 // 255.255.255.255:65535
	roomyEnd  = 27
	gutter    = 2 // the cursor and the mark
	widestGap = 3
)

// widths are the wanted widths of the columns whose content varies.
type widths struct{ proto, origin, reply int }

// grow returns the larger of both widths, so that columns never shrink while
// the operator reads.
func (w widths) grow(other widths) widths {
	return widths{max(w.proto, other.proto), max(w.origin, other.origin), max(w.reply, other.reply)}
}

// capped limits the widths of the addresses.
func (w widths) capped(limit int) widths {
	w.origin, w.reply = min(w.origin, limit), min(w.reply, limit)
	return w
}

// place is the position of a column on the line.
type place struct {
	id       columnID
	x, width int
}

// arrangeColumns chooses the columns that fit into width, and places them. It
// drops columns in a fixed order. Addresses get the width they need before gaps
// grow.
func arrangeColumns(width int, want widths, shown selection) []place {
	for i, ids := range dropOrder {
		need := want
		if i >= comfort {
			need = want.capped(ipv4End)
		}
		if lineWidth(shown, need, 1) <= width {
			break
		}
		both := shown.has(out) && shown.has(in)
		for _, id := range ids {
			shown.set(id, false)
		}
		if both && !shown.has(out) {
			// The sum is more useful than one direction.
			shown.set(in, false)
			shown.set(rate, true)
		}
	}
	return placeColumns(width, shown, want)
}

func placeColumns(width int, shown selection, want widths) []place {
	have := fitEnds(width, shown, want)
	gap := 1
	for gap < widestGap && lineWidth(shown, have, gap+1) <= width {
		gap++
	}
	var places []place
	x := gutter
	for i := range columns {
		id := columnID(i)
		if !shown.has(id) {
			continue
		}
		w := columnWidth(id, have)
		places = append(places, place{id, x, w})
		x += w + gapAfter(id, gap)
	}
	return places
}

// fitEnds divides the remaining width between the two addresses. If both do not
// fit, the shorter one gets what it needs and the other the rest.
func fitEnds(width int, shown selection, want widths) widths {
	have := want
	have.origin, have.reply = 0, 0
	room := max(width-lineWidth(shown, have, 1), 0)
	if want.origin+want.reply <= room {
		spare := room - want.origin - want.reply
		have.origin = want.origin + min(max(roomyEnd-want.origin, 0), spare/2)
		have.reply = want.reply + min(max(roomyEnd-want.reply, 0), spare/2)
		return have
	}
	have.origin = min(want.origin, max(room/2, room-want.reply))
	have.reply = min(want.reply, room-have.origin)
	return have
}

func lineWidth(shown selection, w widths, gap int) int {
	sum := gutter
	last := 0
	for i := range columns {
		if id := columnID(i); shown.has(id) {
			last = gapAfter(id, gap)
			sum += columnWidth(id, w) + last
		}
	}
	return sum - last
}

// gapAfter returns the gap after a column. It is small within a group of
// columns.
func gapAfter(id columnID, gap int) int {
	if id == arrow || id == ttl {
		return 1
	}
	return gap
}

func columnWidth(id columnID, w widths) int {
	switch id {
	case proto:
		return max(columns[proto].width, w.proto)
	case origin:
		return w.origin
	case reply:
		return w.reply
	}
	return columns[id].width
}
