package output

import (
	"sync"

	"ctop/internal/field"
	"ctop/tracker/flow"
)

// flowEncoder appends flows as JSON objects.
type flowEncoder struct {
	programs *programs
	names    *field.Names
	// stamp is a last member for every flow, empty where there is none.
	stamp string
}

// flowPrograms are the members of a flow's JSON object.
var flowPrograms = sync.OnceValue(func() *programs {
	p := newPrograms(field.Members())
	for _, list := range p {
		list[0].key.text[0] = '{' // in place of the comma
	}
	return p
})

func newFlowEncoder(s *flow.Snapshot) flowEncoder {
	return flowEncoder{programs: flowPrograms(), names: field.NamesOf(s)}
}

func (e flowEncoder) append(b []byte, f *flow.Flow) []byte {
	b = e.programs[f.Tuple.Proto].append(b, f, e.names)
	b = append(b, e.stamp...)
	return append(b, '}')
}
