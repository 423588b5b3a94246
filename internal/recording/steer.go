package recording

import (
	"context"
	"sync"
	"time"
)

// The bounds of the speed of a player, as a multiple of real time.
const (
	slowest = 1.0 / 16
	fastest = 1 << 20
)

// steering is how a player is steered while it plays.
type steering struct {
	mu sync.Mutex
	// changed is closed and replaced when something else is wanted.
	changed chan struct{}
	speed   float64
	// held stops the player. Nevertheless it goes to the next snapshot while step is set,
	// and up to the time until.
	held, step bool
	until      time.Time
	// at is the time of the recording that has come, ended is set at its end.
	at    time.Time
	ended bool
}

func (s *steering) begin(speed float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.speed, s.changed, s.ended = speed, make(chan struct{}), false
}

func (s *steering) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

// arrive ends a step at the time of a snapshot, before that can be seen: whoever sees it
// steers on from there.
func (s *steering) arrive(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.step = at, false
}

// change changes what is wanted.
func (s *steering) change(to func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to()
	if s.changed != nil {
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// wait waits as long as it takes from one time of the recording to another one. It reports
// whether ctx was not done before.
func (s *steering) wait(ctx context.Context, from, to time.Time) bool {
	for left := to.Sub(from); ; {
		s.mu.Lock()
		s.at = to.Add(-left)
		speed, changed, held := s.speed, s.changed, s.held
		now := s.step || !to.After(s.until)
		s.mu.Unlock()
		if now || !held && left <= 0 {
			return ctx.Err() == nil
		}
		var passed <-chan time.Time
		if !held {
			passed = time.After(time.Duration(float64(left) / speed))
		}
		began := time.Now()
		select {
		case <-ctx.Done():
			return false
		case <-passed:
			return true
		case <-changed:
			if !held {
				left = max(left-time.Duration(float64(time.Since(began))*speed), 0)
			}
		}
	}
}

// Hold stops playing, or goes on.
func (p *Player) Hold(stopped bool) { p.steering.change(func() { p.steering.held = stopped }) }

// Held reports whether playing was stopped.
func (p *Player) Held() bool {
	p.steering.mu.Lock()
	defer p.steering.mu.Unlock()
	return p.steering.held
}

// Skip plays at once what comes up to the next snapshot, and for some time. It reports
// whether anything comes.
func (p *Player) Skip(d time.Duration) bool {
	more := false
	p.steering.change(func() {
		s := &p.steering
		if more = !s.ended; d > 0 {
			s.until = s.at.Add(d)
		}
		s.step = more
	})
	return more
}

// Faster multiplies the speed, and returns it. It is zero if everything was played at once.
func (p *Player) Faster(by float64) (speed float64) {
	p.steering.change(func() {
		s := &p.steering
		if s.speed > 0 {
			s.speed = min(max(s.speed*by, slowest), fastest)
		}
		speed = s.speed
	})
	return speed
}
