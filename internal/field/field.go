package field

import (
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// Kind is what the values of a field are. It decides how they are written, read
// and compared.
type Kind uint8

// The kinds.
const (
	// Word is text that needs no escaping: names that ctop gives, addresses,
	// ids. Append writes it.
	Word Kind = iota
	// Text is text from outside, such as the name of an interface.
	Text
	// Flag is true or false.
	Flag
	// Count is a whole number.
	Count
	// Span is a duration: seconds in JSON and CSV.
	Span
	// Rate is a quantity per second.
	Rate
)

// Event says which events have a field in the data.
type Event uint8

// The events.
const (
	// NoEvent: a snapshot has the field, events do not.
	NoEvent Event = iota
	// EveryEvent: events name the flow by the field.
	EveryEvent
	// EndEvent: the event of a flow's end has the field's last value.
	EndEvent
	// CloseEvent is EndEvent for a field whose column every record of CSV fills.
	CloseEvent
)

// Field is one row of the registry. What a row leaves empty, the field does not
// have: without Title it has no column, without JSON it is not in the data.
type Field struct {
	// Name is the one spelling of the field: as a sort key, as a column and in
	// a filter.
	Name string
	// Means explains the name. A field without it is in the data only.
	Means string
	// Unit is what Means leaves open in a filter, as in "bits per second".
	Unit string
	// Example is what an example of a filter compares the field with, as in ">1G",
	// by the kind if empty.
	Example string
	Kind    Kind

	// Of reports whether flows of a protocol can have the field, nil for all.
	Of func(p flow.Protocol) bool

	// Number is the value of a Count, Span or Rate.
	Number func(f *flow.Flow) (n Number, known bool)
	// Text is the value of a Text. An empty one is not known.
	Text func(f *flow.Flow, names *Names) string
	// Holds is the value of a Flag. Of a Word it reports whether a flow has it, nil
	// for always.
	Holds func(f *flow.Flow) bool
	// Append appends the value of a Word.
	Append func(b []byte, f *flow.Flow) []byte

	// Seen reports whether the direction that the field is about was ever seen,
	// nil for a field that is about both. A direction that was not seen has a dot
	// in place of a zero, and a rate of it comes before a zero in the order.
	Seen func(f *flow.Flow) bool
	// Packets replaces Number in the order while rates count packets.
	Packets func(f *flow.Flow) (n Number, known bool)
	// Order ranks flows by a Word.
	Order func(f *flow.Flow) Rank
	// Ascending says that one expects the smallest value first.
	Ascending bool
	// Letter chooses the order in the console.
	Letter string

	// Title heads the field's column, in the console and in a table.
	Title string
	// Width is the least width of the console's column.
	Width int
	// Extra says that the console shows the column only when asked for.
	Extra bool
	// Show is the text of a cell, by the kind if nil.
	Show func(f *flow.Flow, v View) string

	// JSON is the path of the member in the flow's JSON object, and the name of
	// the CSV column.
	JSON string
	// Always says that the data have the member even if its value is not known.
	Always bool
	// Added is the number of the release of the outputs that brought the field.
	// New columns of CSV come last, so a new field takes the next number.
	Added int
	// Event says which events have the member.
	Event Event
	// Wide heads the column of a wide table, and Cell appends its cells, by the
	// kind if nil.
	Wide string
	Cell func(b []byte, f *flow.Flow) []byte
}

// Names holds the names that flows refer to by an index.
type Names struct {
	// Interfaces are those of the snapshot.
	Interfaces []string
}

// NamesOf returns the names of a snapshot. They do not keep it in memory.
func NamesOf(s *flow.Snapshot) *Names {
	n := &Names{}
	for i := range s.Interfaces {
		n.Interfaces = append(n.Interfaces, s.Interfaces[i].Name)
	}
	return n
}

// View is what the text of a cell depends on besides the flow.
type View struct {
	// Names may be nil.
	Names *Names
	// Rates is what rates count.
	Rates format.RateUnit
	// Since is the time that has passed since the snapshot.
	Since time.Duration
}

// Right reports whether the field's column is aligned at the right, as numbers
// are.
func (f *Field) Right() bool { return f.Kind >= Count }

// Sortable reports whether flows can be sorted by the field.
func (f *Field) Sortable() bool {
	return f.Means != "" && (f.Number != nil || f.Order != nil)
}

// LargestFirst reports whether one expects the largest value first.
func (f *Field) LargestFirst() bool { return f.Kind >= Count && !f.Ascending }

// Has reports whether a Flag holds, or whether a flow has a Word.
func (f *Field) Has(of *flow.Flow) bool { return f.Holds == nil || f.Holds(of) }
