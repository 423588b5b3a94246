package field

// oldKeys are earlier spellings of sort keys and columns. Scripts and saved
// settings may contain them: --sort, the console's prompt and its list of
// columns accept them. They are not shown.
var oldKeys = map[string]string{
	"out": "out_rate", "in": "in_rate", "total": "bytes",
	"packets out": "out_packets", "packets in": "in_packets",
	"bytes out": "out_bytes", "bytes in": "in_bytes",
	"pkt-out": "out_packets", "pkt-in": "in_packets",
	"byte-out": "out_bytes", "byte-in": "in_bytes",
	"retrans": "retransmits", "reorder": "reordered",
	"interface": "if", "iface": "if",
}

// oldTerms are earlier spellings in filters, in which "in" was the interface.
var oldTerms = map[string]string{
	"in": "if", "retrans": "retransmits", "zerowin": "zero_windows", "reply": "answered",
}

// Key returns the field of a sort key or column. It accepts earlier spellings
// and JSON names.
func Key(name string) (*Field, bool) { return spelled(name, oldKeys) }

// Term returns the field of a filter term. It accepts earlier spellings and
// JSON names.
func Term(name string) (*Field, bool) { return spelled(name, oldTerms) }

// OldTerms returns the earlier spellings of filter terms.
func OldTerms() []string {
	var names []string
	for name := range oldTerms {
		names = append(names, name)
	}
	return names
}

func spelled(name string, old map[string]string) (*Field, bool) {
	if now, ok := old[name]; ok {
		name = now
	}
	if f, ok := Named(name); ok {
		return f, true
	}
	for i := range registry {
		if name != "" && registry[i].JSON == name {
			return &registry[i], true
		}
	}
	return nil, false
}

// Named returns the field with the given name.
func Named(name string) (*Field, bool) {
	i, ok := byName[name]
	if !ok {
		return nil, false
	}
	return &registry[i], true
}

// All returns the registry in the order of the console's columns. The rows must
// not be changed.
func All() []Field { return registry }
