package table

import (
	"ctop/internal/field"
	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/address"
)

// protoText returns the text of the protocol column.
func protoText(f *flow.Flow) string { return columns[proto].field.Display(f, field.View{}) }

func sourceText(f *flow.Flow) string      { return format.Clean(f.Tuple.Source()) }
func destinationText(f *flow.Flow) string { return format.Clean(f.Tuple.Destination()) }

// TupleText returns a flow's whole tuple on one line.
func TupleText(f *flow.Flow) string {
	return protoText(f) + " " + sourceText(f) + " → " + destinationText(f)
}

func (m *Model) source(f *flow.Flow) string      { return m.names.Source(f.Tuple) }
func (m *Model) destination(f *flow.Flow) string { return m.names.Destination(f.Tuple, f.Server) }

// fitColumn shortens the visible rows' ends to the width of a column.
func fitColumn(flows []*flow.Flow, text func(*flow.Flow) string, width int) []string {
	ends := make([]string, len(flows))
	for i, f := range flows {
		ends[i] = text(f)
	}
	return address.Fit(ends, width)
}
