package console

import (
	"sync"
	"time"
)

// mostLines is how many lines of one kind the log has per minute: clients that are
// not logged in, or may only read, must not fill the disk.
const mostLines = 20

// thinned decides which of many lines are written.
type thinned struct {
	mu      sync.Mutex
	since   time.Time
	lines   int
	omitted int
}

// perKey has a thinned for each key.
type perKey struct {
	mu   sync.Mutex
	keys map[string]*thinned
}

func (p *perKey) of(fingerprint string) *thinned {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keys == nil {
		p.keys = map[string]*thinned{}
	}
	if p.keys[fingerprint] == nil {
		p.keys[fingerprint] = &thinned{}
	}
	return p.keys[fingerprint]
}

// next reports whether a line is to be written now, and how many were omitted since
// the previous one.
func (t *thinned) next(now time.Time) (omitted int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.since) >= time.Minute || now.Before(t.since) {
		t.since, t.lines = now, 0
	}
	if t.lines++; t.lines > mostLines {
		t.omitted++
		return 0, false
	}
	omitted, t.omitted = t.omitted, 0
	return omitted, true
}
