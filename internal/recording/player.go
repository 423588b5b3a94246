package recording

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"ctop/tracker/flow"
)

// ErrPast is the error of every change to a player.
var ErrPast = errors.New("this is a recording of the past")

// keptEvents is how many of the latest events a player keeps.
const keptEvents = 100_000

// Player shows a recording to consoles, as a [tracker.Collector] shows a
// tracker. Nothing in it can be changed.
type Player struct {
	latest atomic.Pointer[flow.Snapshot]
	// now is the current time of the recording, in nanoseconds.
	now atomic.Int64

	mu     sync.Mutex
	events []flow.Event
	total  uint64

	steering steering
}

// PlayOptions configure playing.
type PlayOptions struct {
	// Until is how much to play, everything if zero.
	Until time.Duration
	// Speed is a multiple of real time. Zero plays everything at once.
	Speed float64
	// OnEvent gets every event. Its error stops playing.
	OnEvent func(*flow.Event) error
	// OnSnapshot gets every snapshot before it is shown, if it is not nil.
	OnSnapshot func(*flow.Snapshot)
}

// Play plays a recording until its end, or until ctx is done. An error that
// wraps [ErrBroken] means that it played the valid part.
func (p *Player) Play(ctx context.Context, r *Reader, o PlayOptions) error {
	var begin, before time.Time
	p.steering.begin(o.Speed)
	defer p.steering.end()
	for ctx.Err() == nil {
		item, err := r.Next(ctx)
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if begin.IsZero() {
			begin, before = item.Time(), item.Time()
		}
		passed := item.Time().Sub(begin)
		if o.Until > 0 && passed > o.Until {
			return nil
		}
		if o.Speed > 0 && !p.steering.wait(ctx, before, item.Time()) {
			return nil
		}
		before = item.Time()
		if item.Snapshot != nil {
			p.steering.arrive(before)
		}
		if item.Snapshot != nil && o.OnSnapshot != nil {
			o.OnSnapshot(item.Snapshot)
		}
		if err := p.take(item, o.OnEvent); err != nil {
			return err
		}
	}
	return nil
}

func (p *Player) take(item Item, tell func(*flow.Event) error) error {
	p.now.Store(max(p.now.Load(), item.Time().UnixNano()))
	if item.Snapshot != nil {
		p.latest.Store(item.Snapshot)
		return nil
	}
	p.mu.Lock()
	if len(p.events) == 2*keptEvents {
		p.events = append(p.events[:0], p.events[keptEvents:]...)
	}
	p.events = append(p.events, *item.Event)
	p.total++
	p.mu.Unlock()
	if tell == nil {
		return nil
	}
	return tell(item.Event)
}

// Now returns the current time of the recording.
func (p *Player) Now() time.Time { return time.Unix(0, p.now.Load()) }

// Snapshot returns the latest snapshot, nil before the first.
func (p *Player) Snapshot() *flow.Snapshot { return p.latest.Load() }

// Events is [tracker.Collector.Events].
func (p *Player) Events(after uint64) (events []flow.Event, next uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	oldest := p.total - uint64(len(p.events))
	after = min(max(after, oldest), p.total)
	return append([]flow.Event(nil), p.events[after-oldest:]...), p.total
}
