package ui

import (
	"strings"

	"ctop/internal/format"
	"ctop/ui/events"
)

// Notice is what another operator did. It is shown among the events.
type Notice = events.Notice

// Company is the other operators of the same tracker. Its methods are called
// from goroutines of the program's, several at a time.
type Company interface {
	// Notices returns what was told after a position, oldest first, and the
	// next position.
	Notices(after uint64) (notices []Notice, next uint64)
	// Present names who has a console open.
	Present() []string
}

// WithCompany shows who else is on and what they do.
func WithCompany(c Company) Option {
	return func(o *options) { o.company = c }
}

// companyPoll is what a look at the company found.
type companyPoll struct {
	notices []Notice
	next    uint64
	present []string
}

// pollCompany returns what looks at the company, off the console's goroutine.
func (m *Model) pollCompany() func() companyPoll {
	company, after := m.options.company, m.company.next
	return func() (p companyPoll) {
		if company != nil {
			p.notices, p.next = company.Notices(after)
			p.present = company.Present()
		}
		return p
	}
}

func (m *Model) takeCompany(p companyPoll) {
	m.log.Tell(p.notices)
	p.notices = nil
	m.company = p
}

func (m *Model) companyFacts() []string {
	if len(m.company.present) == 0 {
		return nil
	}
	return []string{"on: " + format.Clean(strings.Join(m.company.present, ", "))}
}
