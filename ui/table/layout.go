package table

import "slices"

// Bounds of the address columns, in cells.
const (
	ipv4End   = 21 // 255.255.255.255:65535
	hostEnd   = 18 // where a shorter address leaves room for the host of the flow
	roomyEnd  = 27
	gutter    = 2 // the cursor and the mark
	widestGap = 3
	// sparkFrom is the width from which on the rates have a chart of sparkCells seconds.
	sparkFrom  = 140
	sparkCells = 10
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

// columnSet says which columns are wanted, and which of them before others.
type columnSet struct {
	// shown are the wanted columns. The operator asked for some of them: these are
	// dropped after all others.
	shown, asked selection
	// kept is the column that the rows are sorted by. It is never dropped.
	kept selection
}

// arrangeColumns chooses the columns that fit into width, and places them. It
// drops columns in a fixed order. Addresses get the width they need before gaps
// grow.
func arrangeColumns(width int, want widths, c columnSet) []place {
	if width < sparkFrom && !c.asked.has(spark) {
		c.shown.set(spark, false)
	}
	c.keep()
	for _, asked := range []bool{false, true} {
		for i, ids := range c.steps() {
			need := want
			if asked || i >= comfort {
				need = want.capped(ipv4End)
			}
			if c.shown.has(on) && slices.Contains(ids, on) {
				need = want.capped(hostEnd)
			}
			if lineWidth(c.shown, need, 1) <= width {
				return placeColumns(width, c.shown, want)
			}
			c.drop(ids, asked)
		}
	}
	return placeColumns(width, c.shown, want)
}

// steps returns the order in which columns are dropped. Where a flow has a host, its TTL
// is dropped before that.
func (c *columnSet) steps() [][]columnID {
	if c.shown.has(on) {
		return fleetOrder
	}
	return dropOrder
}

// keep shows the column that the rows are sorted by. The rates of both directions show
// their sum, too.
func (c *columnSet) keep() {
	if c.kept.has(rate) && c.shown.has(out) && c.shown.has(in) {
		return
	}
	c.shown |= c.kept
}

// drop hides those columns of a step that were asked for, or the others.
func (c *columnSet) drop(ids []columnID, asked bool) {
	both := c.shown.has(out) && c.shown.has(in)
	for _, id := range ids {
		if c.asked.has(id) == asked && !c.kept.has(id) {
			c.shown.set(id, false)
		}
	}
	if both && !c.shown.has(out) && !c.kept.has(in) {
		// The sum is more useful than one direction.
		c.shown.set(in, false)
		c.shown.set(rate, true)
	}
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
