package detail

import (
	"fmt"
	"strings"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// processLines returns the lines about the process behind the flow.
func (p *Page) processLines() []string {
	h := &p.flow.Holding
	var lines []string
	if h.Process != nil {
		lines = p.labelled("process", p.holding(h))
		if c := h.Process.Command; c != "" && !h.Listens {
			lines = append(lines, p.labelled("command", format.Clean(c))...)
		}
	}
	if text := p.holders(); text != "" {
		lines = append(lines, p.labelled("held by", text)...)
	}
	return lines
}

// holders says which processes have the flow's sockets, at both ends, empty if that is
// nothing that the process behind it does not say already.
func (p *Page) holders() string {
	found, owner := p.closer.Holders, p.flow.Holding.Owner()
	if found == nil || p.end() != nil {
		return ""
	}
	var ends []string
	others := false
	for d, list := range found {
		var names []string
		for _, one := range list {
			names = append(names, fmt.Sprintf("%s[%d] (user %s)", format.Clean(one.Name), one.PID, format.Clean(one.User)))
			others = others || owner == nil || one.PID != owner.PID || p.flow.Holding.End != flow.Direction(d)
		}
		if len(names) > 0 {
			ends = append(ends, flow.Direction(d).String()+": "+strings.Join(names, ", "))
		}
	}
	if !others {
		return ""
	}
	return strings.Join(ends, "; ")
}

// holding says who a process is, and what it has to do with the flow.
func (p *Page) holding(h *flow.Holding) string {
	of := h.Process
	text := fmt.Sprintf("%s[%d]", format.Clean(of.Name), of.PID)
	if h.Listens {
		return text + " listens there; who has the connection is not known yet"
	}
	facts := []string{text + " is the " + h.End.String(), "user " + format.Clean(of.User)}
	for _, f := range []struct{ label, value string }{{"unit", of.Unit}, {"container", of.Container}, {"pod", of.Pod}} {
		if f.value != "" {
			facts = append(facts, f.label+" "+format.Clean(f.value))
		}
	}
	if !of.Started.IsZero() {
		facts = append(facts, "began "+of.Started.Local().Format("2006-01-02 15:04:05"))
	}
	if of.Gone {
		facts = append(facts, "it has ended")
	}
	return strings.Join(facts, ", ")
}
