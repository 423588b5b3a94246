// Package filter says which flows to show. It is one language for every place
// that takes a filter; [Syntax] describes it.
package filter

import (
	"strings"

	"ctop/tracker"
)

// Filter is a parsed filter. The zero value lets every flow pass. A filter may
// be used by several goroutines.
type Filter struct {
	text string
	root term
	// loose is set where the text needs parentheses to stand beside another.
	loose bool
	// ended is set where the filter asks for flows that have ended.
	ended bool
	// interfaces are the names of the snapshot's, nil where not known.
	interfaces *[2]string
}

// subject is what a term is asked about.
type subject struct {
	flow       *tracker.Flow
	interfaces *[2]string
	// reason says why the flow has ended, and is none while it lives.
	reason tracker.Reason
}

// term is a condition.
type term func(subject) bool

// Parse reads a filter. Its errors are of type [*Error] and say where the
// mistake is and what to write instead.
func Parse(text string) (Filter, error) {
	text = strings.TrimSpace(text)
	p := parser{text: text, tokens: scan(text)}
	root, err := p.parse()
	if err != nil {
		return Filter{}, err
	}
	return Filter{text: text, root: root, loose: p.loose, ended: p.ended}, nil
}

// For returns the filter for the flows of a snapshot. Without it no flow is
// known to have come in by a named interface.
func (f Filter) For(s *tracker.Snapshot) Filter {
	if s != nil {
		f.interfaces = &[2]string{s.Interfaces[0].Name, s.Interfaces[1].Name}
	}
	return f
}

// String returns the filter as it was written.
func (f Filter) String() string { return f.text }

// Empty reports whether every flow passes.
func (f Filter) Empty() bool { return f.root == nil }

// WantsEnded reports whether the filter asks for flows that have ended.
func (f Filter) WantsEnded() bool { return f.ended }

// Match reports whether a flow passes.
func (f Filter) Match(flow *tracker.Flow) bool {
	return f.MatchEnded(flow, tracker.ReasonNone)
}

// Refs returns what the filter matches of a snapshot.
func (f Filter) Refs(s *tracker.Snapshot) []tracker.Ref {
	var refs []tracker.Ref
	for i := range s.Flows {
		if flow := &s.Flows[i]; f.Match(flow) {
			refs = append(refs, flow.Ref())
		}
	}
	return refs
}

// MatchEnded reports whether a flow that has ended passes.
func (f Filter) MatchEnded(flow *tracker.Flow, reason tracker.Reason) bool {
	return f.root == nil || f.root(subject{flow, f.interfaces, reason})
}

// And returns the text of a filter that narrows f down by one more term.
func (f Filter) And(more string) string {
	switch {
	case f.Empty():
		return more
	case f.loose:
		return "(" + f.text + ") " + more
	}
	return f.text + " " + more
}
