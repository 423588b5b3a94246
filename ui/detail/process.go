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
	if h.Process == nil {
		return nil
	}
	lines := p.labelled("process", p.holding(h))
	if c := h.Process.Command; c != "" && !h.Listens {
		lines = append(lines, p.labelled("command", format.Clean(c))...)
	}
	return lines
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
