package ui

import (
	"testing"
	"time"
)

// deck is a recording that a test plays.
type deck struct {
	held, ended bool
	skipped     []time.Duration
	speed       float64
}

func (d *deck) Hold(stopped bool) { d.held = stopped }
func (d *deck) Held() bool        { return d.held }

func (d *deck) Skip(by time.Duration) bool {
	d.skipped = append(d.skipped, by)
	return !d.ended
}

func (d *deck) Faster(by float64) float64 {
	d.speed *= by
	return d.speed
}

// The keys that go through time steer a recording, too.
func TestDeck(t *testing.T) {
	d := &deck{speed: 1}
	p := new(pastList)
	c := newConsole(t, 120, 24, flowsUpTo(1), WithPast(p), WithDeck(d))
	for i := range 5 {
		c.publish(flowsUpTo(i+2), time.Second)
	}
	expect := func(held bool, skipped int) {
		t.Helper()
		if d.held != held || len(d.skipped) != skipped {
			t.Fatalf("held %t, skipped %v:\n%s", d.held, d.skipped, c.m.View())
		}
	}
	c.press("p")
	c.shows("paused")
	expect(true, 0)
	c.press("p")
	expect(false, 0)
	c.press("[", "[")
	expect(true, 0)
	c.press("]", "]", "]") // to where it was stopped
	c.shows("stopped")
	c.hides(" −")
	expect(true, 0)
	c.press("]")
	expect(true, 1)
	c.press("}")
	expect(true, 2)
	if d.skipped[1] != time.Minute {
		t.Errorf("%v", d.skipped)
	}
	c.press("p")
	c.hides("stopped")
	expect(false, 2)
	c.press("[", "end")
	expect(false, 2)
	c.press("p", "]") // from the screen that is frozen
	c.shows("stopped")
	expect(true, 3)
	c.press("p")
	d.ended = true
	c.press("}")
	c.shows("this is the end of the recording")
	expect(false, 4)
	c.press(">")
	c.shows("speed 2")
	c.press("<", "<")
	c.shows("speed 0.5")
	d.speed = 0
	c.press(">")
	c.shows("nothing plays")
}
