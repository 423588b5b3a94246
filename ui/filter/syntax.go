package filter

import (
	"fmt"
	"strings"
)

// Row is one line of the description of the language.
type Row struct{ Form, Means string }

// Forms describes what terms are made of and how they are joined.
func Forms() []Row {
	return []Row{
		{"443 10.0.0.7 tcp", "protocol, addresses, ports or state contain the words"},
		{"a b · a and b", "both must hold"},
		{"a or b", "one must hold; binds weaker than and"},
		{"!a · not a", "it must not hold"},
		{"(a or b) c", "parentheses group"},
		{"f:1,2 · f:1-9", "a field has any of the values, or one in a range"},
		{"f>1 f>=1 f<1 f!=1", "comparisons; k M G T are powers of a thousand"},
	}
}

// Terms describes every field and flag.
func Terms() []Row {
	var rows []Row
	for _, f := range fields {
		rows = append(rows, Row{f.Form, f.Means})
	}
	for _, name := range flagNames() {
		rows = append(rows, Row{name, flags[name].means})
	}
	return rows
}

// Syntax describes the language as plain text, for the manual.
func Syntax() string {
	var b strings.Builder
	for _, r := range append(Forms(), Terms()...) {
		fmt.Fprintf(&b, "%-18s %s\n", r.Form, r.Means)
	}
	return b.String()
}
