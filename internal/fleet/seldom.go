package fleet

import (
	"sync"
	"time"
)

// Seldom says what is to be logged of what others can make happen at any rate: the first of a
// kind at once, and then one a minute. Its zero value is ready. It is safe for concurrent use.
type Seldom struct {
	mu   sync.Mutex
	said map[string]*repeated
}

// repeated is when something was logged last, and how often it came since.
type repeated struct {
	at   time.Time
	more int
}

const (
	sayAgain = time.Minute
	// maxSaid bounds how many kinds are told apart in a minute. The others are one.
	maxSaid = 64
)

// Say reports whether to log something of a kind, and how often it was not logged before.
func (s *Seldom) Say(kind string, now time.Time) (more int, say bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.of(kind, now)
	if !r.at.IsZero() && now.Sub(r.at) < sayAgain {
		r.more++
		return 0, false
	}
	more = r.more
	*r = repeated{at: now}
	return more, true
}

func (s *Seldom) of(kind string, now time.Time) *repeated {
	if r := s.said[kind]; r != nil {
		return r
	}
	if len(s.said) > maxSaid {
		for other, r := range s.said {
			if now.Sub(r.at) >= sayAgain {
				delete(s.said, other)
			}
		}
	}
	if len(s.said) >= maxSaid {
		kind = ""
	}
	if s.said == nil {
		s.said = map[string]*repeated{}
	}
	if s.said[kind] == nil {
		s.said[kind] = new(repeated)
	}
	return s.said[kind]
}
