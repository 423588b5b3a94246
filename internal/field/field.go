package field

import (
	"cmp"
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// Kind is the type of a field's values. It determines how they are formatted,
// parsed and compared.
type Kind uint8

// The kinds.
const (
	// Word is text that needs no escaping: ctop's own names, addresses, IDs.
	// Append writes it.
	Word Kind = iota
	// Text is text from outside, such as an interface name.
	Text
	// Flag is true or false.
	Flag
	// Count is a whole number.
	Count
	// Span is a duration, in seconds in JSON and CSV.
	Span
	// Rate is a quantity per second.
	Rate
)

// Event says which events contain a field.
type Event uint8

// The values of Event.
const (
	// NoEvent means that only snapshots contain the field.
	NoEvent Event = iota
	// EveryEvent means that all events contain the field, to identify the flow.
	EveryEvent
	// EndEvent means that the event of a flow's end contains the field's last
	// value.
	EndEvent
	// CloseEvent is like EndEvent, for a field whose CSV column is never empty.
	CloseEvent
)

// Field is one row of the registry. Empty members mean that the field is not
// used there: without Title it has no column, without JSON it is not in the
// data.
type Field struct {
	// Name is the name of the field as a sort key, as a column and in a filter.
	Name string
	// Means explains the name. Without it, the field is in the data only.
	Means string
	// Unit is the unit in a filter, such as "bits per second". It is empty if
	// Means makes it clear.
	Unit string
	// Example is the comparison in an example of a filter, such as ">1G". If it
	// is empty, the kind determines it.
	Example string
	Kind    Kind

	// Of reports whether flows of a protocol can have the field. nil means all.
	Of func(p flow.Protocol) bool

	// Number returns the value of a Count, Span or Rate.
	Number func(f *flow.Flow) (n Number, known bool)
	// Text returns the value of a Text. An empty value is unknown.
	Text func(f *flow.Flow, names *Names) string
	// Digits: the Text is a number, and JSON has it as one.
	Digits bool
	// Holds returns the value of a Flag. For a Word it reports whether a flow
	// has it; nil means always.
	Holds func(f *flow.Flow) bool
	// Append appends the value of a Word.
	Append func(b []byte, f *flow.Flow) []byte

	// Seen reports whether a packet of the field's direction was ever seen. It
	// is nil for fields of both directions. An unseen direction is shown as a
	// dot instead of zero, and its rate ranks below zero.
	Seen func(f *flow.Flow) bool
	// Packets replaces Number for sorting while rates count packets.
	Packets func(f *flow.Flow) (n Number, known bool)
	// Order returns the rank of a flow by a Word.
	Order func(f *flow.Flow) Rank
	// Ascending is set if the default order starts with the smallest value.
	Ascending bool
	// Letter is the console's key for the order.
	Letter string

	// Title is the title of the field's column, in the console and in tables.
	Title string
	// Head is the title in the console, where there is a shorter or a clearer one.
	Head string
	// Width is the minimal width of the console's column, in cells.
	Width int
	// Extra hides the console's column by default.
	Extra bool
	// Show returns the text of a cell. nil means the default of the kind.
	Show func(f *flow.Flow, v View) string

	// JSON is the path of the member in the flow's JSON object, and the name of
	// the CSV column.
	JSON string
	// Always writes the member even if its value is unknown.
	Always bool
	// Added is the release number of the outputs that introduced the field. New
	// CSV columns come last, so a new field gets the next number.
	Added int
	// Event says which events contain the member. EventAdded is the release number
	// of the events that introduced it, if that is not Added.
	Event      Event
	EventAdded int
	// Wide is the title in a wide table. Cell appends the text of its cells;
	// nil means the default of the kind.
	Wide string
	Cell func(b []byte, f *flow.Flow) []byte
}

// Names holds the names that flows refer to by index.
type Names struct {
	// Interfaces are the names of the snapshot's interfaces.
	Interfaces []string
	// Hosts are the hosts of the interfaces, nil in a snapshot of a single host.
	Hosts []string
	// Translations are the tuples of other halves.
	Translations []flow.Tuple
	// Interface is the name of the interface of every flow, if it is not empty, and Host
	// that of their host.
	Interface, Host string
}

// NamesIn returns the names in an event.
func NamesIn(e *flow.Event) *Names { return &Names{Interface: e.Interface, Host: e.Host} }

// NamesOf returns the names in a snapshot. It keeps no reference to the
// snapshot's flows.
func NamesOf(s *flow.Snapshot) *Names {
	n := &Names{Translations: s.Translations}
	for i := range s.Interfaces {
		n.Interfaces = append(n.Interfaces, s.Interfaces[i].Name)
	}
	if s.OfFleet() {
		for i := range s.Interfaces {
			n.Hosts = append(n.Hosts, s.Interfaces[i].Host)
		}
	}
	return n
}

// View holds the settings that the text of a cell depends on.
type View struct {
	// Names may be nil.
	Names *Names
	// Rates is the unit of rates.
	Rates format.RateUnit
	// Since is the time since the snapshot.
	Since time.Duration
}

// Heading returns the title of the console's column, with the unit of its rates.
func (f *Field) Heading(rates format.RateUnit) string {
	text := cmp.Or(f.Head, f.Title)
	if f.Kind == Rate {
		text += " " + rates.Short()
	}
	return text
}

// Right reports whether the field's column is right-aligned, as numbers are.
func (f *Field) Right() bool { return f.Kind >= Count }

// Sortable reports whether flows can be sorted by the field.
func (f *Field) Sortable() bool {
	return f.Means != "" && (f.Number != nil || f.Order != nil)
}

// LargestFirst reports whether the default order starts with the largest value.
func (f *Field) LargestFirst() bool { return f.Kind >= Count && !f.Ascending }

// Has returns the value of a Flag, or reports whether a flow has a Word.
func (f *Field) Has(of *flow.Flow) bool { return f.Holds == nil || f.Holds(of) }
