package console

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// roster knows the sessions, and has the notices of what operators did.
type roster struct {
	limits Limits
	clock  func() time.Time

	mu       sync.Mutex
	sessions map[*session]struct{}
	perKey   map[string]int
	closed   bool

	board
}

func newRoster(l Limits, clock func() time.Time) *roster {
	return &roster{limits: l, clock: clock, sessions: map[*session]struct{}{}, perKey: map[string]int{}}
}

// enter adds a session, or returns why it is refused.
func (r *roster) enter(s *session) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := s.who.key.Fingerprint
	switch {
	case r.closed:
		return errStopping
	case len(r.sessions) >= r.limits.Sessions:
		return fmt.Errorf("all %d sessions are taken: try again later", r.limits.Sessions)
	case s.who.key.Role != Operator && r.viewers() >= r.limits.Sessions-kept(r.limits.Sessions):
		return errors.New("all sessions of viewers are taken: try again later")
	case r.perKey[key] >= r.limits.SessionsPerKey:
		return fmt.Errorf("your key has %d sessions already: close one", r.perKey[key])
	}
	r.sessions[s] = struct{}{}
	r.perKey[key]++
	return nil
}

// mostKept is the largest number of sessions that are reserved for operators.
const mostKept = 8

// kept returns how many of so many sessions are reserved for operators.
func kept(sessions int) int { return min(sessions/2, mostKept) }

// viewers counts the sessions of viewers.
func (r *roster) viewers() (n int) {
	for s := range r.sessions {
		if s.who.key.Role != Operator {
			n++
		}
	}
	return n
}

func (r *roster) leave(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.sessions[s]; !ok {
		return
	}
	delete(r.sessions, s)
	key := s.who.key.Fingerprint
	if r.perKey[key]--; r.perKey[key] <= 0 {
		delete(r.perKey, key)
	}
}

// close refuses further sessions and returns those that there are.
func (r *roster) close() []*session {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	return r.all()
}

func (r *roster) all() []*session {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*session, 0, len(r.sessions))
	for s := range r.sessions {
		list = append(list, s)
	}
	return list
}

// notify adds a notice for every console.
func (r *roster) notify(text string) { r.addNotice(r.clock(), text) }

// Present returns who has a console open, and how many.
func (r *roster) Present() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := map[string]int{}
	for s := range r.sessions {
		if s.console.Load() {
			counts[s.who.key.Role.String()+" "+s.who.key.Name()]++
		}
	}
	var list []string
	for name, n := range counts {
		if n > 1 {
			name += fmt.Sprintf(" (%d)", n)
		}
		list = append(list, name)
	}
	slices.SortFunc(list, strings.Compare)
	return list
}
