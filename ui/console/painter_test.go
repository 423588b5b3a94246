package console

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// easel is a painter whose client answers after so long, or never.
type easel struct {
	*painter
	output *logged
	delay  atomic.Int64
	deaf   atomic.Bool
	cut    atomic.Int32
	// waits is what the kernel keeps for the client.
	waits atomic.Int32
	stop  func()
}

// newEasel returns one that has asked already: how its client answers is said before.
func newEasel(t *testing.T, deaf bool, delay time.Duration) *easel {
	ctx, cancel := context.WithCancel(t.Context())
	e := &easel{output: &logged{}}
	e.deaf.Store(deaf)
	e.delay.Store(int64(delay))
	e.painter = newPainter(e.output, func() bool {
		if e.deaf.Load() {
			<-ctx.Done()
			return false
		}
		time.Sleep(time.Duration(e.delay.Load()))
		return ctx.Err() == nil
	}, func() int { return int(e.waits.Load()) }, DefaultLimits(), func() { e.cut.Add(1) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.run(ctx)
	}()
	e.stop = func() {
		cancel()
		<-done
	}
	e.note(tea.WindowSizeMsg{Width: 20, Height: 3})
	synctest.Wait()
	return e
}

func (e *easel) shows(t *testing.T, text string) {
	t.Helper()
	time.Sleep(time.Second)
	if !strings.Contains(e.output.String(), text) {
		t.Errorf("%q is missing in %q", text, e.output)
	}
}

// A client that never answers is served without answers after a while; one that stops
// answering is cut off. Both get their terminals back.
func TestPainterAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEasel(t, true, 0)
		e.show("first")
		time.Sleep(2 * unanswered)
		for _, text := range []string{"second", "third"} {
			e.show(text)
			e.shows(t, text)
		}
		time.Sleep(time.Hour)
		e.stop()
		if e.cut.Load() != 0 || !strings.HasPrefix(e.output.String(), enterScreen) || !strings.HasSuffix(e.output.String(), leaveScreen) {
			t.Errorf("cut off %d times; %q", e.cut.Load(), e.output)
		}

		e = newEasel(t, false, 0)
		e.show("first")
		e.shows(t, "first")
		e.deaf.Store(true)
		e.show("second")
		time.Sleep(DefaultLimits().Stall - 2*time.Second)
		if e.cut.Load() != 0 {
			t.Error("cut off too soon")
		}
		time.Sleep(2 * time.Second)
		e.stop()
		if e.cut.Load() != 1 || !strings.HasSuffix(e.output.String(), leaveScreen) {
			t.Errorf("cut off %d times; %q", e.cut.Load(), e.output)
		}
	})
}

// A client that never answers is paced by what waits for it in the kernel: while that is
// more than a screen, only the newest view waits.
func TestPainterMute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEasel(t, true, 0)
		e.show("first")
		time.Sleep(2 * unanswered)
		e.waits.Store(muteWindow + 1000)
		for i := range 50 {
			e.show("view " + string(rune('a'+i%26)))
			time.Sleep(100 * time.Millisecond)
		}
		if n := strings.Count(e.output.String(), "view"); n > 1 {
			t.Errorf("%d views were sent to a client that takes nothing", n)
		}
		e.waits.Store(0)
		e.shows(t, "x")
		e.stop()
		if e.cut.Load() != 0 {
			t.Error("it was cut off")
		}
	})
}

// Frames do not come faster than their rate, and a frame that is late is left out for the
// newest.
func TestPainterFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEasel(t, false, 3*time.Second)
		e.show("0")
		time.Sleep(10 * time.Second)
		for i := range 100 {
			e.show(strings.Repeat("x", 10) + string(rune('a'+i%26)))
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		e.stop()
		if n := strings.Count(e.output.String(), "xxxxxxxxxx"); n != 2 {
			t.Errorf("%d frames, not the first and the last: %q", n, e.output)
		}
		if !strings.Contains(e.output.String(), "xxxxxxxxxxv") {
			t.Errorf("the last one is missing: %q", e.output)
		}
	})
}

// What may be on its way follows the rate of the link, and a link becomes slow and fast.
func TestPace(t *testing.T) {
	var p pace
	if got := p.room(true); got != firstWindow {
		t.Errorf("%d bytes before anything is known", got)
	}
	p.answered(0, 0, 300*time.Millisecond)
	for range 20 { // 2 kB/s
		p.sent += 1000
		p.answered(p.sent, 1000, 800*time.Millisecond)
	}
	if !p.slow || p.room(true) < 900 || p.room(true) > 1500 || p.room(false) < leastWindow || p.room(false) > 400 {
		t.Errorf("at 2 kB/s: slow %v, %d and %d bytes", p.slow, p.room(true), p.room(false))
	}
	p.sent += 1500
	if p.room(true) > 0 {
		t.Errorf("%d bytes more", p.room(true))
	}
	for range 20 {
		p.sent += 1000
		p.answered(p.sent, 1000, 310*time.Millisecond)
	}
	if p.slow || p.room(false) < 8000 {
		t.Errorf("at 100 kB/s: slow %v, %d bytes", p.slow, p.room(false))
	}
}
