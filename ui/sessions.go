package ui

import "ctop/ui/page"

// Notice is what another operator did. It is shown among the events.
type Notice = page.Notice

// Sessions are the consoles of other operators of the same tracker. Its methods are
// called from several goroutines at once.
type Sessions interface {
	// Notices returns the notices after a position, oldest first, and the next
	// position.
	Notices(after uint64) (notices []Notice, next uint64)
	// Present names the operators who have a console open.
	Present() []string
}

// WithSessions shows who else has a console open, and what they do.
func WithSessions(s Sessions) Option {
	return func(o *options) { o.sessions = s }
}

// sessionPoll is what a look at the other sessions found.
type sessionPoll struct {
	notices []Notice
	next    uint64
	present []string
}

// pollSessions returns a function that looks at the other sessions, to be called off
// the console's goroutine.
func (m *root) pollSessions() func() sessionPoll {
	sessions, after := m.options.sessions, m.noticed
	return func() (p sessionPoll) {
		if sessions != nil {
			p.notices, p.next = sessions.Notices(after)
			p.present = sessions.Present()
		}
		return p
	}
}

func (m *root) takeSessions(p sessionPoll) {
	if len(p.notices) > 0 {
		m.frame.Broadcast(page.NoticesTaken(p.notices))
	}
	m.frame.Present = p.present
	m.noticed = p.next
}
