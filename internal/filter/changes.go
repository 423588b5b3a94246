package filter

import (
	"slices"

	"ctop/internal/diff"
	"ctop/internal/field"
	"ctop/tracker/flow"
)

// Since returns the filter for flows that are compared with a mark. Without it, no flow
// came, went or changed. It takes effect with [Filter.For].
func (f Filter) Since(m *diff.Mark) Filter {
	f.mark = m
	return f
}

// WantsChanges reports whether the filter asks what came, went or changed.
func (f Filter) WantsChanges() bool {
	return slices.ContainsFunc(f.uses, func(p place) bool { return isChange(p.word) })
}

// MatchRow reports whether the filter matches one of the flows of a row.
func (f Filter) MatchRow(row *diff.Row, of *flow.Flow) bool {
	if f.named && !f.knows(of) {
		return false
	}
	return f.root == nil || f.root(subject{
		flow: of, interfaces: f.interfaces, names: f.names,
		change: func(*flow.Flow) diff.Change { return row.Change },
	})
}

// changeOf returns what became of a flow of the snapshot.
func (f Filter) changeOf(of *flow.Flow) diff.Change {
	row := f.compared.Row(of)
	return row.Change
}

// CheckAlone returns an error if the filter asks for changes, where there is nothing to
// compare with. It would match no flow, or every flow if negated.
func (f Filter) CheckAlone() error {
	for _, used := range f.uses {
		if isChange(used.word) {
			return &Error{Column: used.column, Problem: "there is nothing here to find what " + used.word + ": use ctop diff, or m and M in the console"}
		}
	}
	return nil
}

// CheckLearned returns an error if the filter asks for what was never there before, where
// nothing has learned what was.
func (f Filter) CheckLearned() error {
	for _, used := range f.uses {
		if used.word == firstSeen {
			return &Error{Column: used.column, Problem: firstSeen + " is known only to consoles and ctop serve with --first-seen: leave it out"}
		}
	}
	return nil
}

// firstSeen is the flag of flows with what was never there before.
const firstSeen = "first-seen"

// isChange reports whether a term asks what became of a flow.
func isChange(name string) bool {
	return slices.ContainsFunc(diff.Changes(), func(c diff.Change) bool { return c.String() == name })
}

// changeTerm returns the term for a flag that asks what became of a flow, nil for
// another one.
func changeTerm(f *field.Field) term {
	for _, wanted := range diff.Changes() {
		if wanted.String() == f.Name {
			return func(s subject) bool { return s.change != nil && s.change(s.flow) == wanted }
		}
	}
	return nil
}
