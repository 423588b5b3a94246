package console

import (
	"testing"
	"time"
)

// What may be on its way follows from the link: from how much it takes in a second, and how
// long a key may wait.
func TestRoom(t *testing.T) {
	known := func(rate float64) pace { return pace{bytes: rate, took: 1, base: 100 * time.Millisecond} }
	for what, c := range map[string]struct {
		p           pace
		asked, rest int
	}{
		"nothing known":    {pace{sent: 1000, acked: 400}, firstWindow - 600, firstWindow - 600},
		"10 kB/s":          {known(10_000), 4000, 1500},
		"some on its way":  {pace{bytes: 10_000, took: 1, base: 100 * time.Millisecond, sent: 700, acked: 200}, 3500, 1000},
		"a modem":          {known(100), leastWindow, leastWindow},
		"a fast link":      {known(1e9), mostWindow, mostWindow},
		"mute":             {pace{mute: true, sent: 1000, acked: 400, bytes: 10_000, took: 1}, muteWindow - 600, muteWindow - 600},
		"more than it may": {pace{mute: true, sent: muteWindow + 10}, -10, -10},
	} {
		if asked, rest := c.p.room(true), c.p.room(false); asked != c.asked || rest != c.rest {
			t.Errorf("%s: room for %d and %d bytes, want %d and %d", what, asked, rest, c.asked, c.rest)
		}
	}
}

// A link is learned from answers that waited for enough bytes: the shortest answer is the way
// there and back, and a link becomes slow or fast at its bounds and stays what it was between
// them.
func TestAnswered(t *testing.T) {
	var p pace
	p.sent = 5000
	p.answered(100, 0, 80*time.Millisecond)
	if p.base != 80*time.Millisecond || p.acked != 100 || p.rate() != 0 {
		t.Errorf("%+v", p)
	}
	p.answered(50, 0, 40*time.Millisecond) // of an older question
	if p.base != 40*time.Millisecond || p.acked != 100 {
		t.Errorf("%+v", p)
	}
	p.answered(200, leastSample-1, 120*time.Millisecond) // the client has moved, perhaps
	if p.base != 50*time.Millisecond || p.rate() != 0 || p.acked != 200 {
		t.Errorf("%+v", p)
	}
	p.answered(300, leastSample, 150*time.Millisecond)
	if p.base != 50*time.Millisecond || p.rate() != 2000 || !p.slow {
		t.Errorf("%+v", p)
	}
	for rate, c := range map[int]struct{ before, after bool }{
		slowBelow - 500: {false, true}, slowBelow + 500: {false, false}, fastAbove - 500: {true, true}, fastAbove + 500: {true, false},
	} {
		p := pace{base: 10 * time.Millisecond, slow: c.before}
		p.answered(rate, rate, 1010*time.Millisecond)
		if p.slow != c.after {
			t.Errorf("%d bytes a second: slow %t", rate, p.slow)
		}
	}
	coarse := pace{base: time.Second}
	coarse.answered(1000, 1000, time.Second)
	if coarse.rate() != 1000/leastWait.Seconds() {
		t.Errorf("an answer that waited for nothing: %v", coarse.rate())
	}
}

// Of many lines of a kind twenty are written in a minute, and the next one says how many were
// not.
func TestThinned(t *testing.T) {
	var keys perKey
	a, b := keys.of("a"), keys.of("b")
	if a == b || keys.of("a") != a {
		t.Error("keys share their lines")
	}
	now := time.Unix(1e9, 0)
	for i := range mostLines + 5 {
		if omitted, ok := a.next(now.Add(time.Duration(i))); ok != (i < mostLines) || omitted != 0 {
			t.Errorf("line %d: %t, %d omitted", i, ok, omitted)
		}
	}
	if _, ok := a.next(now.Add(time.Minute - 1)); ok {
		t.Error("another one within the minute")
	}
	for i, want := range []int{6, 0} {
		if omitted, ok := a.next(now.Add(time.Minute)); !ok || omitted != want {
			t.Errorf("line %d of the next minute: %t, %d omitted", i, ok, omitted)
		}
	}
	for range mostLines {
		a.next(now.Add(time.Minute))
	}
	if omitted, ok := a.next(now.Add(time.Minute - 1)); !ok || omitted != 2 {
		t.Errorf("after the clock was set back: %t, %d omitted", ok, omitted)
	}
}

// Zero limits are the defaults, each its own, and others stay.
func TestLimitsWithDefaults(t *testing.T) {
	if got := (Limits{}).withDefaults(); got != DefaultLimits() {
		t.Errorf("%+v", got)
	}
	own := Limits{
		Sessions: 1, SessionsPerKey: 2, Startups: 3, StartupsPerAddress: 4, FailuresPerAddress: 5, AuthTries: 6,
		Handshake: 7, Idle: 8, Stall: 9, FrameRate: MaxFrameRate,
	}
	if got := own.withDefaults(); got != own {
		t.Errorf("%+v", got)
	}
	own.FrameRate = MaxFrameRate + 1
	if got := own.withDefaults(); got.FrameRate != MaxFrameRate {
		t.Errorf("%d frames", got.FrameRate)
	}
}
