package console

import "sync/atomic"

// counters count connections, sessions and acts.
type counters struct {
	accepted, refused, failed atomic.Uint64
	dropped                   atomic.Uint64
	sessions, sessionsRefused atomic.Uint64
	requestsRefused, stalled  atomic.Uint64
	acts                      atomic.Uint64
	connections               atomic.Int64
}

// Stats is what a server has counted since it was made.
type Stats struct {
	// Sessions are open now, Consoles those of them that show a console, and
	// Connections those that have authenticated.
	Sessions, Consoles, Connections int
	// Accepted connections began to log in. Refused ones were turned away before
	// that, Failed ones did not authenticate, and Dropped ones made room for others
	// before they did.
	Accepted, Refused, Failed, Dropped uint64
	// SessionsOpened and SessionsRefused count sessions, RequestsRefused refused
	// requests, and Stalled sessions that ended because the client stopped reading or
	// its connection was lost.
	SessionsOpened, SessionsRefused, RequestsRefused, Stalled uint64
	// Acts counts the lines of the audit log.
	Acts uint64
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	c := &s.counters
	stats := Stats{
		Connections: int(c.connections.Load()),
		Accepted:    c.accepted.Load(), Refused: c.refused.Load(), Failed: c.failed.Load(), Dropped: c.dropped.Load(),
		SessionsOpened: c.sessions.Load(), SessionsRefused: c.sessionsRefused.Load(),
		RequestsRefused: c.requestsRefused.Load(), Stalled: c.stalled.Load(), Acts: c.acts.Load(),
	}
	for _, x := range s.roster.all() {
		stats.Sessions++
		if x.console.Load() {
			stats.Consoles++
		}
	}
	return stats
}
