package recording

import (
	"bytes"
	"context"
	"runtime"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// minutes returns a recording with a snapshot each minute, and an event before each.
func minutes(t *testing.T, n int) *Reader {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		at := start.Add(time.Duration(i) * time.Minute)
		if err := w.Event(&flow.Event{Time: at.Add(-time.Second), Type: flow.EventNew, ID: 7, Tuple: tuple()}); err != nil {
			t.Fatal(err)
		}
		if err := w.Snapshot(&flow.Snapshot{Time: at, MaxFlows: 5}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// reaches waits until a player shows the snapshot of a minute.
func reaches(t *testing.T, p *Player, minute int) {
	t.Helper()
	want := start.Add(time.Duration(minute) * time.Minute)
	for end := time.Now().Add(time.Minute); ; runtime.Gosched() {
		if s := p.Snapshot(); s != nil && s.Time.Equal(want) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("minute %d does not come: %+v", minute, p.Snapshot())
		}
	}
}

// A player stops, goes by a snapshot and by a time, and changes its speed.
func TestSteer(t *testing.T) {
	p := new(Player)
	p.Hold(true)
	if !p.Held() {
		t.Error("it is not held")
	}
	ended := make(chan error, 1)
	told := 0
	go func() {
		ended <- p.Play(t.Context(), minutes(t, 30), PlayOptions{Speed: 1, OnSnapshot: func(*flow.Snapshot) { told++ }})
	}()
	for p.Faster(1) == 0 {
		runtime.Gosched()
	}
	p.Skip(0)
	reaches(t, p, 0)
	for i := 1; i < 4; i++ {
		if !p.Skip(0) {
			t.Fatal("nothing comes")
		}
		reaches(t, p, i)
	}
	if !p.Skip(5 * time.Minute) {
		t.Fatal("nothing comes")
	}
	reaches(t, p, 8)
	if got := p.Faster(2); got != 2 {
		t.Errorf("the speed is %v", got)
	}
	if got := p.Faster(1e9); got != 1<<20 {
		t.Errorf("the speed is %v", got)
	}
	p.Hold(false)
	if err := <-ended; err != nil || told != 30 {
		t.Errorf("%d snapshots, %v", told, err)
	}
	if p.Skip(0) {
		t.Error("something comes after the end")
	}
	if got := p.Faster(1e-9); got != slowest {
		t.Errorf("the speed is %v", got)
	}
}

// A player that is held ends with its context.
func TestHeldPlayerEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := new(Player)
	p.Hold(true)
	ended := make(chan error, 1)
	go func() { ended <- p.Play(ctx, minutes(t, 5), PlayOptions{Speed: 1}) }()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
