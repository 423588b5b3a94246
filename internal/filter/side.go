package filter

import (
	"strings"

	"ctop/tracker/flow"
)

// readSide returns the parser for an address or a port of the end that is this machine,
// or of the end that faces it.
func (p *parser) readSide(name string) func(string) (term, error) {
	return func(value string) (term, error) {
		origin, reply := ports([]end{source}), ports([]end{destination})
		if s, err := readRange(":", value, readPort); err == nil {
			return onSide(name, within([]span{s}, origin), within([]span{s}, reply)), nil
		} else if strings.Contains(value, "-") && startsWithDigit(value) {
			return nil, err
		}
		atOrigin, err := p.readHosts([]end{source})(value)
		if err != nil {
			return nil, err
		}
		atReply, err := p.readHosts([]end{destination})(value)
		return onSide(name, atOrigin, atReply), err
	}
}

// onSide returns the term that holds if the one for the local or remote end does.
func onSide(name string, atOrigin, atReply term) term {
	return func(s subject) bool {
		side, remote := s.flow.Sides()
		if name == "remote" {
			side = remote
		}
		return side.Has(flow.EndOrigin) && atOrigin(s) || side.Has(flow.EndReply) && atReply(s)
	}
}
