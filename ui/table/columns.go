package table

import (
	"slices"

	"ctop/internal/field"
	"ctop/internal/order"
)

// columnID is the index of a column, from left to right.
type columnID int

// column describes the layout of a column.
type column struct {
	// name identifies the column.
	name, means, title string
	// head is the title of a column without a field.
	head string
	// width is the minimal width in cells. The addresses and the protocol need
	// more, depending on their content.
	width int
	right bool
	// key is the sort key of the column.
	key string
	// fixed columns are always shown.
	fixed bool
	// extra columns are hidden by default.
	extra bool
	// compares is set for columns that are only there while flows are compared.
	compares bool
	// field provides the cells' text. It is nil for the arrow and the bar.
	field *field.Field
}

// Columns without a field.
const (
	arrowName = "arrow"
	barName   = "bar"
	sparkName = "last"
)

// columns are the fields with a title, in registry order, plus the arrow
// between the ends, the bar after the TTL and the chart after the rates.
var columns = func() (list []column) {
	fields := field.All()
	for i := range fields {
		f := &fields[i]
		if f.Title == "" {
			continue
		}
		list = append(list, column{
			name: f.Name, means: f.Means, title: f.Title, width: f.Width, right: f.Right(), key: f.Name,
			fixed: identity(f.Name), extra: f.Extra, field: f,
		})
		switch f.Name {
		case field.Origin:
			list = append(list, column{name: arrowName, width: 1, key: field.Reply, fixed: true})
		case field.InRate:
			list = append(list, column{
				name: sparkName, means: "rate of the last ten seconds", head: "LAST 10 s", width: sparkCells, key: field.TotalRate,
			})
		case field.State:
			list = append(list, comparing...)
		case field.TTL:
			list = append(list, column{name: barName, means: "the same as a bar", width: 8, key: field.TTL})
		}
	}
	return list
}()

// identity reports whether a column identifies the flow.
func identity(name string) bool {
	return name == field.Protocol || name == field.Origin || name == field.Reply
}

// The columns with a layout of their own.
var (
	proto, origin, arrow, reply = named(field.Protocol), named(field.Origin), named(arrowName), named(field.Reply)
	state, ttl, bar             = named(field.State), named(field.TTL), named(barName)
	out, in, rate               = named(field.OutRate), named(field.InRate), named(field.TotalRate)
	spark, on                   = named(sparkName), named("on")
)

// named returns the column with the given name, or -1.
func named(name string) columnID {
	return columnID(slices.IndexFunc(columns, func(c column) bool { return c.name == name }))
}

// dropOrder lists the columns in the order in which they are dropped on a
// narrow screen. If the rates of both directions do not fit, one column shows
// their sum.
var dropOrder = func() [][]columnID {
	order := [][]string{{"out_bytes", "in_bytes"}, {"out_packets", "in_packets"}, {"idle"}, {"retransmits"}, {"rtt"}, {sparkName}, {"age"}, {"bytes"}, {barName}}
	last := [][]string{
		{outMorePktsID, inMorePktsID},
		{"id"},
		{"reordered"},
		{"if"},
		{"remote"},
		{"local"},
		{"dir"},
		{field.TotalRate},
		{field.OutRate},
		{arrowName},
		{"on"},
		{field.InRate, field.TotalRate},
		{field.TTL},
		{field.State},
		{outMoreName, inMoreName},
		{changeName},
	}
	listed := slices.Concat(slices.Concat(order...), slices.Concat(last...))
	for _, c := range columns {
		if !c.fixed && !c.compares && !slices.Contains(listed, c.name) {
			order = append(order, []string{c.name})
		}
	}
	var steps [][]columnID
	for _, names := range slices.Concat(order, last) {
		var ids []columnID
		for _, name := range names {
			ids = append(ids, named(name))
		}
		steps = append(steps, ids)
	}
	return steps
}()

// fleetOrder is dropOrder with the TTL before the host.
var fleetOrder = func() (steps [][]columnID) {
	for _, ids := range dropOrder {
		switch {
		case slices.Contains(ids, ttl):
			continue
		case slices.Contains(ids, on):
			steps = append(steps, []columnID{ttl})
		}
		steps = append(steps, ids)
	}
	return steps
}()

// comfort is the number of steps of dropOrder before addresses longer than IPv4
// ones are shortened.
const comfort = 8

// Column is a column that the operator can choose.
type Column struct{ Name, Means string }

// Columns returns the columns that the operator can choose, from left to right.
func Columns() []Column {
	var list []Column
	for _, c := range columns {
		if !c.fixed && !c.compares {
			list = append(list, Column{c.name, c.means})
		}
	}
	return list
}

// selection is a set of columns.
type selection uint64

func (s selection) has(id columnID) bool { return s>>id&1 != 0 }

func (s *selection) set(id columnID, wanted bool) {
	*s &^= 1 << id
	if wanted {
		*s |= 1 << id
	}
}

// standard returns the default columns. Where several interfaces are watched the interface
// of a flow is one of them, and of several hosts the host.
func standard(several, fleet bool) (s selection) {
	for i, c := range columns {
		s.set(columnID(i), !c.extra)
	}
	s.set(named("if"), several || fleet)
	s.set(on, fleet)
	return s
}

func (m *Model) standard() selection { return standard(m.several, m.fleet) }

// selectionOf returns the columns with the given names. It accepts earlier
// spellings and ignores unknown names.
func selectionOf(names []string) (s selection) {
	for i, c := range columns {
		s.set(columnID(i), c.fixed)
	}
	for _, name := range names {
		if f, ok := field.Key(name); ok {
			name = f.Name
		}
		if id := named(name); id >= 0 && !columns[id].compares {
			s.set(id, true)
		}
	}
	return s
}

// columnSet returns the wanted columns, and which of them come before others.
func (m *Model) columnSet() columnSet {
	c := columnSet{shown: m.wanted}
	if usual := m.standard(); m.wanted != usual {
		c.asked = m.wanted &^ usual
	}
	key := m.by.Key
	if m.comparing {
		c.shown |= compares()
		c.asked |= compares()
		if key == order.ByDelta {
			key = order.ByChange // what became of a flow matters more than the amount
		}
	}
	if id := columnID(slices.IndexFunc(columns, func(c column) bool { return c.title != "" && c.key == key })); id >= 0 {
		c.kept.set(id, true)
	}
	return c
}

// Choose sets the wanted columns by name. nil selects the default ones.
func (m *Model) Choose(names []string) {
	m.wanted = m.standard()
	if names != nil {
		m.wanted = selectionOf(names)
	}
	m.measure()
}

// Chosen returns the names of the wanted columns, nil if they are the default
// ones.
func (m *Model) Chosen() []string {
	if m.wanted == m.standard() {
		return nil
	}
	names := []string{}
	for i, c := range columns {
		if m.wanted.has(columnID(i)) && !c.fixed {
			names = append(names, c.name)
		}
	}
	return names
}

// Shows reports whether a column is on the screen.
func (m *Model) Shows(name string) bool {
	id := named(name)
	return slices.ContainsFunc(m.places, func(p place) bool { return p.id == id })
}

// Has reports whether a column is wanted.
func (m *Model) Has(name string) bool {
	id := named(name)
	return id >= 0 && m.wanted.has(id)
}
