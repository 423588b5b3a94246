package tracker

import (
	"os"
	"sync"
	"testing"
	"time"

	"ctop/internal/lab"
)

// openTwice attaches a tracker and has another one use it, too.
func openTwice(t *testing.T, l *lab.Lab, keep bool) (first, second *Tracker) {
	t.Helper()
	o := Options{Interfaces: []string{l.Client.Port(), l.Server.Port()}, Keep: keep}
	first, err := Open(t.Context(), o)
	must(t, err)
	second, err = Open(t.Context(), o)
	must(t, err)
	if !second.Joined() {
		t.Fatal("the second did not join")
	}
	return first, second
}

func isPinned(t *Tracker) bool {
	_, err := os.Stat(t.hold.Dir())
	return err == nil
}

// The owner has seen that another uses the tracker, and is about to go when that
// one goes, too: the tracker ends all the same.
func TestLeaveWhileTheOwnerLeaves(t *testing.T) {
	lab.Require(t)
	l, _ := filterLab(t)
	first, second := openTwice(t, l, false)
	first.hold.StopUsing()
	if !first.hold.OthersUse() {
		t.Error("nobody else uses it")
	}
	ended := make(chan error, 1)
	go func() { ended <- second.Close() }()
	time.Sleep(50 * time.Millisecond)
	must(t, crash(first))
	must(t, <-ended)
	if isPinned(second) {
		t.Error("both left, and the tracker is still there")
		must(t, Down(t.Context(), l.Client.Port(), l.Server.Port()))
	}
}

// Whoever of two that leave at the same moment is the last one ends the tracker,
// unless it is to be kept.
func TestLeaveTogether(t *testing.T) {
	lab.Require(t)
	l, _ := filterLab(t)
	for _, keep := range []bool{false, true, false, false} {
		first, second := openTwice(t, l, keep)
		var both sync.WaitGroup
		for _, x := range []*Tracker{first, second} {
			both.Go(func() {
				if err := x.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		if isPinned(first) != keep {
			t.Errorf("to be kept: %t, still there: %t", keep, !keep)
		}
		if isPinned(first) {
			must(t, Down(t.Context(), l.Client.Port(), l.Server.Port()))
		}
	}
}
