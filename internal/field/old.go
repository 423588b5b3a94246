package field

// oldKeys are spellings of sort keys and of columns in earlier releases, which
// scripts and saved settings still have: those of --sort, of the console's prompt
// and of its list of columns. Nothing shows them.
var oldKeys = map[string]string{
	"out": "out_rate", "in": "in_rate", "total": "bytes",
	"packets out": "out_packets", "packets in": "in_packets",
	"bytes out": "out_bytes", "bytes in": "in_bytes",
	"pkt-out": "out_packets", "pkt-in": "in_packets",
	"byte-out": "out_bytes", "byte-in": "in_bytes",
	"retrans": "retransmits", "reorder": "reordered",
	"interface": "if", "iface": "if",
}

// oldTerms are the spellings of earlier releases in filters, where "in" was the
// interface.
var oldTerms = map[string]string{
	"in": "if", "retrans": "retransmits", "zerowin": "zero_windows", "reply": "answered",
}

// Key returns the field of a sort key or a column in its present or an earlier
// spelling, or under its name in JSON.
func Key(name string) (*Field, bool) { return spelled(name, oldKeys) }

// Term returns the field of a filter's term in its present or an earlier spelling,
// or under its name in JSON.
func Term(name string) (*Field, bool) { return spelled(name, oldTerms) }

// OldTerms returns the earlier spellings of the terms of a filter.
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

// Named returns the field of that name.
func Named(name string) (*Field, bool) {
	i, ok := byName[name]
	if !ok {
		return nil, false
	}
	return &registry[i], true
}

// All returns the registry: the order of its rows is that of the console's columns.
// The rows must not be changed.
func All() []Field { return registry }
