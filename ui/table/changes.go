package table

import (
	"strings"

	"ctop/internal/diff"
	"ctop/internal/format"
	"ctop/internal/order"
)

// Columns that are only there while the flows are compared.
const (
	changeName    = "change"
	outMoreName   = "more_out"
	inMoreName    = "more_in"
	outMorePktsID = "more_out_packets"
	inMorePktsID  = "more_in_packets"
)

// comparing are the columns that say what became of a flow, and what each direction
// carried since the mark.
var comparing = []column{
	{name: changeName, title: "CHANGE", head: "CHANGE", width: 7, key: order.ByChange, compares: true, extra: true},
	{name: outMoreName, title: "+→ B", head: "+→ B", width: 8, right: true, key: order.ByDelta, compares: true, extra: true},
	{name: inMoreName, title: "+← B", head: "+← B", width: 8, right: true, key: order.ByDelta, compares: true, extra: true},
	{name: outMorePktsID, head: "+→ PKTS", width: 8, right: true, key: order.ByDelta, compares: true, extra: true},
	{name: inMorePktsID, head: "+← PKTS", width: 8, right: true, key: order.ByDelta, compares: true, extra: true},
}

// compares returns the columns that are only there while the flows are compared.
func compares() (s selection) {
	for i, c := range columns {
		s.set(columnID(i), c.compares)
	}
	return s
}

// SetComparing shows what became of the flows, or no longer.
func (m *Model) SetComparing(on bool) {
	if on == m.comparing {
		return
	}
	if m.comparing = on; !on {
		m.changes = nil
	}
	m.measure()
}

// SetChanges sets what became of the flows. SetRows follows, with the same flows.
func (m *Model) SetChanges(rows []diff.Row) { m.changes = rows }

// Changes returns what became of the rows, nothing if they are not compared.
func (m *Model) Changes() []diff.Row { return m.changes }

// changeOf returns what became of the flow on a row.
func (m *Model) changeOf(row int) diff.Row {
	if row < len(m.changes) {
		return m.changes[row]
	}
	return diff.Row{Change: diff.Same}
}

// Went reports whether the flow under the cursor is in the table no longer.
func (m *Model) Went() bool { return m.changeOf(m.window.Cursor).Change == diff.Went }

// changeText returns the text of a column that is only there while flows are compared.
func changeText(row diff.Row, name string) string {
	if name == changeName {
		return row.Change.String()
	}
	if row.After == nil {
		return format.Inapplicable
	}
	if strings.HasPrefix(name, "more_in") && !row.After.Reply.Seen() || strings.HasPrefix(name, "more_out") && !row.After.Origin.Seen() {
		return format.Unseen
	}
	out, in := row.Deltas()
	amounts := map[string]int64{outMoreName: out.Bytes, inMoreName: in.Bytes, outMorePktsID: out.Packets, inMorePktsID: in.Packets}
	return format.Signed(amounts[name], format.Total)
}
