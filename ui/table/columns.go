package table

import (
	"slices"

	"ctop/internal/field"
)

// columnID is the place of a column among all, from left to right.
type columnID int

// column says how a column is laid out.
type column struct {
	// name is what the column is called.
	name, means, title string
	// width is the least the column can do with. Those of the addresses and
	// of the protocol depend on what they have to hold.
	width int
	right bool
	// key sorts by the column.
	key string
	// fixed columns cannot be chosen: they are always there.
	fixed bool
	// extra columns are only there when asked for.
	extra bool
	// field has the cells' text, nil for the arrow and the bar.
	field *field.Field
}

// Columns that show no field.
const (
	arrowName = "arrow"
	barName   = "bar"
)

// columns has the fields with a title in the order of the registry, the arrow
// between the ends and the bar beside the countdown.
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
		case field.TTL:
			list = append(list, column{name: barName, means: "the same as a bar", width: 8, key: field.TTL})
		}
	}
	return list
}()

// identity reports whether a column says which flow a line is about.
func identity(name string) bool {
	return name == field.Protocol || name == field.Origin || name == field.Reply
}

// The columns that are laid out in a way of their own.
var (
	proto, origin, arrow, reply = named(field.Protocol), named(field.Origin), named(arrowName), named(field.Reply)
	state, ttl, bar             = named(field.State), named(field.TTL), named(barName)
	out, in, rate               = named(field.OutRate), named(field.InRate), named(field.TotalRate)
)

// named returns the column of that name, less than zero where there is none.
func named(name string) columnID {
	return columnID(slices.IndexFunc(columns, func(c column) bool { return c.name == name }))
}

// givingWay lists the columns in the order in which they are given up where
// the screen is too narrow for all. Where there is no room for the rates of both
// directions, one column shows their sum.
var givingWay = func() [][]columnID {
	order := [][]string{{"out_bytes", "in_bytes"}, {"out_packets", "in_packets"}, {"age"}, {"bytes"}, {barName}}
	last := [][]string{
		{"id"},
		{"reordered"},
		{"retransmits"},
		{"rtt"},
		{"if"},
		{"idle"},
		{field.TotalRate},
		{field.OutRate},
		{arrowName},
		{field.InRate, field.TotalRate},
		{field.TTL},
		{field.State},
	}
	listed := slices.Concat(slices.Concat(order...), slices.Concat(last...))
	for _, c := range columns {
		if !c.fixed && !slices.Contains(listed, c.name) {
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

// comfort is how many of the columns in givingWay an address that is longer
// than an IPv4 one may drive out before it is shortened instead.
const comfort = 4

// Column is a column that one can choose.
type Column struct{ Name, Means string }

// Columns returns the columns that one can choose, from left to right.
func Columns() []Column {
	var list []Column
	for _, c := range columns {
		if !c.fixed {
			list = append(list, Column{c.name, c.means})
		}
	}
	return list
}

// selection is the set of the columns that are wanted, or shown.
type selection uint64

func (s selection) has(id columnID) bool { return s>>id&1 != 0 }

func (s *selection) set(id columnID, wanted bool) {
	*s &^= 1 << id
	if wanted {
		*s |= 1 << id
	}
}

// standard are the columns that are wanted until others are.
func standard() (s selection) {
	for i, c := range columns {
		s.set(columnID(i), !c.extra)
	}
	return s
}

// selectionOf reads names, in an earlier spelling, too. Those that mean nothing are
// passed over.
func selectionOf(names []string) (s selection) {
	for i, c := range columns {
		s.set(columnID(i), c.fixed)
	}
	for _, name := range names {
		if f, ok := field.Key(name); ok {
			name = f.Name
		}
		if id := named(name); id >= 0 {
			s.set(id, true)
		}
	}
	return s
}

// Choose says by name which columns are wanted; nil are the standard ones.
func (m *Model) Choose(names []string) {
	m.wanted = standard()
	if names != nil {
		m.wanted = selectionOf(names)
	}
	m.measure()
}

// Chosen returns the wanted columns by name, nil for the standard ones.
func (m *Model) Chosen() []string {
	if m.wanted == standard() {
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

// Has reports whether a column is wanted.
func (m *Model) Has(name string) bool {
	id := named(name)
	return id >= 0 && m.wanted.has(id)
}
