package e2e

import (
	"testing"
	"time"
)

// The clocks of the second half's programs are ten minutes ahead, as those of a machine that
// has run longer. (A namespace shifts no time of day: the simulation of internal/pair does.)
func TestPairWithOtherClocks(t *testing.T) {
	const n = 20
	r := newPairRig(t)
	second := r.halves[1]
	second.under = []string{"unshare", "--time", "--monotonic", "600", "--boottime", "600", "--fork", "--kill-child"}
	r.beginAll(shortly...)
	r.open(n)
	r.talk("at first")
	r.same("with other clocks")
	r.agesAgree()
	r.route(1, 1)
	r.talk("by the other wire")
	r.same("by the other wire")
	r.agesAgree()
	r.nothingLeft()
	r.down()
}

// down ends both trackers by "ctop down": a signal does not reach a program that another one
// runs.
func (r *pairRig) down() {
	r.t.Helper()
	for _, h := range r.halves {
		r.must("down", h.wire[0], h.wire[1])
		_ = h.cmd.Process.Kill()
		_ = h.cmd.Wait() // its tracker was taken away
	}
	checkDetached(r.t.(*testing.T), r.Lab)
}

// agesAgree fails if the halves differ by how old flows are: by minutes, as their clocks do.
func (r *pairRig) agesAgree() {
	r.t.Helper()
	a, at := r.flowsOf(r.halves[0])
	b, later := r.flowsOf(r.halves[1])
	for id, f := range a {
		g, there := b[id]
		if !there || (seconds(g.Age)-seconds(f.Age)-later.Sub(at)).Abs() > time.Minute {
			r.t.Errorf("flow %s is %.1f s old, and %.1f s a bit later at the other one (%t)", id, f.Age, g.Age, there)
		}
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
