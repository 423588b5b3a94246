package tracker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ctop/internal/lab"
	"ctop/tracker/netdev"
)

// Of several that find what a killed ctop left one attaches, and the others join
// it.
func TestRemainsFoundAtOnce(t *testing.T) {
	lab.Require(t)
	l, _ := filterLab(t)
	o := Options{Interfaces: []string{l.Client.Port(), l.Server.Port()}}
	ctx := t.Context()
	first, err := Open(ctx, o)
	must(t, err)
	must(t, crash(first))
	must(t, os.Remove(filepath.Join(first.hold.Dir(), netdev.LinkPin(1))))
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
	attached, told := 0, 0
	var all []*Tracker
	for range rivals {
		if x := <-opened; x != nil {
			all = append(all, x)
			if strings.Contains(strings.Join(x.Notes(), "\n"), "killed") {
				told++
			}
			if !x.Joined() {
				attached++
			}
		}
	}
	if attached != 1 {
		t.Errorf("%d attached", attached)
	}
	if told == 0 {
		t.Error("nobody is told of the killed one")
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
	o := Options{Interfaces: []string{l.Client.Port(), l.Server.Port()}}
	first, err := Open(t.Context(), o)
	must(t, err)
	must(t, Down(t.Context(), o.Interfaces[0], o.Interfaces[1]))
	second, err := Open(t.Context(), o)
	must(t, err)
	if second.Joined() || !first.Gone() {
		t.Errorf("the second joined: %t; the first is gone: %t", second.Joined(), first.Gone())
	}
	must(t, first.Close())
	if second.Gone() || !second.hold.Whole() {
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
	must(t, os.Remove(filepath.Join(first.hold.Dir(), netdev.LinkPin(0))))
	must(t, crash(first))
	if second.inherit() {
		t.Error("it inherited what was no tracker any more")
	}
	if isPinned(second) || !second.Gone() {
		t.Error("what was left is still there")
	}
	must(t, second.Close())
}
