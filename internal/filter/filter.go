// Package filter parses and applies filters, which select flows. All places
// that accept a filter use this language. [Syntax] describes it.
package filter

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"ctop/internal/diff"
	"ctop/internal/field"
	"ctop/internal/names"
	"ctop/tracker/flow"
)

// Filter is a parsed filter. The zero value matches every flow. A filter is
// safe for concurrent use.
type Filter struct {
	text string
	root term
	// loose is set if the text needs parentheses next to another term.
	loose bool
	// ended is set if the filter selects ended flows.
	ended bool
	// varies is set if the match of a flow may change while it lives. needs are what
	// its tuple must be.
	varies bool
	needs  need
	// interfaces are the names of the snapshot's interfaces, nil if unknown.
	interfaces *field.Names
	// uses are the fields in the filter.
	uses []place
	// asked are the interface names in the filter.
	asked []place
	// named is set if the filter contains host names, searches if it contains a
	// text that may be part of one.
	named, searches bool
	// names are the known host names.
	names map[netip.Addr]string
	// mark is what flows are compared with, compared the snapshot beside it.
	mark     *diff.Mark
	compared *diff.Comparison
}

// subject is the flow to which terms are applied.
type subject struct {
	flow       *flow.Flow
	interfaces *field.Names
	// reason is the reason for the flow's end, none while it lives.
	reason flow.Reason
	// names are the known host names.
	names map[netip.Addr]string
	// change is what became of the flow since the mark, nil if there is no mark.
	change func(*flow.Flow) diff.Change
}

// term is a condition on a flow.
type term func(subject) bool

// Parse parses a filter. Its errors have the type [*Error]. They give the
// column of the mistake and a suggestion.
func Parse(text string) (Filter, error) { return parse(text, false) }

// ParseNamed is like Parse, and also accepts host names. A filter with host
// names matches nothing without [Filter.Named].
func ParseNamed(text string) (Filter, error) { return parse(text, true) }

func parse(text string, named bool) (Filter, error) {
	text = strings.TrimSpace(text)
	p := parser{text: text, tokens: scan(text), named: named}
	root, err := p.parse()
	if err != nil {
		return Filter{}, err
	}
	return Filter{text: text, root: root, loose: p.loose, ended: p.ended, uses: p.uses, asked: p.interfaces, named: p.usesNames, searches: p.searches, varies: p.varies, needs: p.need}, nil
}

// For returns the filter for the flows of a snapshot. Without it, a filter for
// an interface name matches no flow.
func (f Filter) For(s *flow.Snapshot) Filter {
	if s != nil {
		f.interfaces = field.NamesOf(s)
	}
	if s != nil && f.mark != nil && f.WantsChanges() {
		f.compared = f.mark.With(s)
	}
	return f
}

// On returns the filter for flows between interfaces with the given names.
func (f Filter) On(interfaces []string) Filter {
	f.interfaces = &field.Names{Interfaces: interfaces}
	return f
}

// Check returns an error if the filter contains an interface name that is not
// in the snapshot, or asks for changes. It would match no flow, or every flow if negated.
func (f Filter) Check(s *flow.Snapshot) error {
	if err := f.CheckAlone(); err != nil {
		return err
	}
	if err := f.CheckLearned(); err != nil {
		return err
	}
	known := field.NamesOf(s).Interfaces
	for _, asked := range f.asked {
		if !slices.Contains(known, asked.word) {
			instead := onInterface + ":" + strings.Join(known, " or "+onInterface+":")
			return &Error{Column: asked.column, Problem: fmt.Sprintf("%s: no flow comes in by %q: write %s", onInterface, asked.word, instead)}
		}
	}
	return nil
}

// WantsRates reports whether the filter contains a rate, which requires two
// readings of the table.
func (f Filter) WantsRates() bool {
	return slices.ContainsFunc(f.uses, func(p place) bool { return isRate(p.word) })
}

// CheckEvents returns an error if the filter contains a field that events lack.
// It would match no event, or every event if negated.
func (f Filter) CheckEvents() error { return f.check("an event", ofEvents) }

// CheckFleetEvents is like CheckEvents, for the events of a fleet, which have hosts.
func (f Filter) CheckFleetEvents() error {
	return f.check("an event", func(name string) bool { return name == onHost || ofEvents(name) })
}

// CheckTraces is like CheckEvents, for the packets of a trace.
func (f Filter) CheckTraces() error { return f.check("a packet of --trace", ofTraces) }

func (f Filter) check(what string, has func(name string) bool) error {
	for _, used := range f.uses {
		if !has(used.word) {
			return &Error{Column: used.column, Problem: fmt.Sprintf("%s has no %s: leave it out, or use --dump", what, used.word)}
		}
	}
	return nil
}

// Named returns the filter with known host names. An empty name means that the
// address has none. The map must not be changed afterwards.
func (f Filter) Named(names map[netip.Addr]string) Filter {
	f.names = names
	return f
}

// WantsNames reports whether the filter contains host names.
func (f Filter) WantsNames() bool { return f.named }

// UsesNames reports whether the matches may depend on the known host names.
func (f Filter) UsesNames() bool { return f.named || f.searches }

// String returns the filter as it was written.
func (f Filter) String() string { return f.text }

// Empty reports whether the filter matches every flow.
func (f Filter) Empty() bool { return f.root == nil }

// WantsEnded reports whether the filter selects ended flows.
func (f Filter) WantsEnded() bool { return f.ended }

// Match reports whether the filter matches a flow.
func (f Filter) Match(of *flow.Flow) bool {
	return f.MatchEnded(of, flow.ReasonNone)
}

// MatchEnded reports whether the filter matches a flow that ended with the
// given reason.
func (f Filter) MatchEnded(of *flow.Flow, reason flow.Reason) bool {
	if f.named && !f.knows(of) {
		return false
	}
	if f.root == nil {
		return true
	}
	s := subject{flow: of, interfaces: f.interfaces, reason: reason, names: f.names}
	if f.compared != nil {
		s.change = f.changeOf
	}
	return f.root(s)
}

// MatchEvent reports whether the filter matches the flow of an event.
func (f Filter) MatchEvent(e *flow.Event) bool {
	f.interfaces = field.NamesIn(e)
	return f.MatchEnded(e.Flow(), e.Reason)
}

// knows reports whether the names of both hosts have been looked up. Until then
// the flow matches neither a name nor its negation.
func (f Filter) knows(of *flow.Flow) bool {
	return f.knowsHost(of.Tuple.Src.Addr()) && f.knowsHost(of.Tuple.Dst.Addr())
}

func (f Filter) knowsHost(a netip.Addr) bool {
	_, ok := f.names[a]
	return ok || names.Own(a) != ""
}

// And returns the text of the filter with one more term.
func (f Filter) And(more string) string {
	switch {
	case f.Empty():
		return more
	case f.loose:
		return "(" + f.text + ") " + more
	}
	return f.text + " " + more
}
