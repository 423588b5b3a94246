package tracker

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ctop/internal/lab"
)

// Drafts that killed processes left are removed, those that are being made are
// not.
func TestSweepDrafts(t *testing.T) {
	base := t.TempDir()
	for _, name := range []string{"draft1", "draft2", "a:b"} {
		must(t, os.MkdirAll(filepath.Join(base, name, usersDir), 0o700))
	}
	l, _, err := takeLease(filepath.Join(base, "draft2"))
	must(t, err)
	defer l.release()
	sweepDrafts(base)
	for name, want := range map[string]bool{"draft1": false, "draft2": true, "a:b": true} {
		if _, err := os.Stat(filepath.Join(base, name)); (err == nil) != want {
			t.Errorf("%s is there: %t", name, !want)
		}
	}
}

// Of several that find what a killed ctop left one attaches, and the others join
// it.
func TestRemainsFoundAtOnce(t *testing.T) {
	lab.Require(t)
	l, _ := filterLab(t)
	o := Options{Interfaces: [2]string{l.Client.Port(), l.Server.Port()}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	first, err := Open(ctx, o)
	must(t, err)
	must(t, crash(first))
	must(t, os.Remove(filepath.Join(first.dir, linkPins[1])))
	const rivals = 4
	opened := make(chan *Tracker, rivals)
	for range rivals {
		go func() {
			x, err := Open(ctx, o)
			if err != nil {
				t.Error(err)
			}
			opened <- x
		}()
	}
	attached := 0
	var all []*Tracker
	for range rivals {
		if x := <-opened; x != nil {
			all = append(all, x)
			if !x.Joined() {
				attached++
			}
		}
	}
	if attached != 1 {
		t.Errorf("%d attached", attached)
	}
	for _, x := range all {
		must(t, x.Close())
	}
	if isPinned(first) {
		t.Error("it is still there")
	}
}

// An owner whose tracker was taken down, and another attached in its place, sees
// that it is gone, and leaves the other alone.
func TestReplacedMeanwhile(t *testing.T) {
	lab.Require(t)
	l, _ := filterLab(t)
	o := Options{Interfaces: [2]string{l.Client.Port(), l.Server.Port()}}
	first, err := Open(t.Context(), o)
	must(t, err)
	must(t, Down(t.Context(), o.Interfaces[0], o.Interfaces[1]))
	second, err := Open(t.Context(), o)
	must(t, err)
	if second.Joined() || !first.Gone() {
		t.Errorf("the second joined: %t; the first is gone: %t", second.Joined(), first.Gone())
	}
	must(t, first.Close())
	if second.Gone() || !whole(second.dir) {
		t.Error("the first took the second down")
	}
	must(t, second.Close())
}

// One that joined while the owner ended the tracker, and the owner was killed over
// it, ends it.
func TestHeirOfRemains(t *testing.T) {
	lab.Require(t)
	l, _ := filterLab(t)
	first, second := openTwice(t, l, false)
	must(t, os.Remove(filepath.Join(first.dir, linkPins[0])))
	must(t, crash(first))
	if NewCollector(second, CollectorOptions{}).inherit() {
		t.Error("it inherited what was no tracker any more")
	}
	if isPinned(second) || !second.Gone() {
		t.Error("what was left is still there")
	}
	must(t, second.Close())
}
