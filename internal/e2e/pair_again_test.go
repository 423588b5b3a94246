package e2e

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// ctop is begun again on the machine by which the answers come, and on the other one, while
// connections begin: nothing of them is dropped, although who is begun again has not heard
// of them.
func TestPairRestartsWhileTheyBegin(t *testing.T) {
	r := newPairRig(t)
	r.beginAll(shortly...)
	r.route(0, 1)
	for _, h := range []*pairHalf{r.halves[1], r.halves[0]} {
		for _, end := range []os.Signal{syscall.SIGKILL, syscall.SIGUSR1} {
			_ = h.cmd.Process.Signal(end)
			_ = h.cmd.Wait()
			r.open(3)
			r.begin(h)
			r.eventually(h.name+" is in sync", func() bool {
				r.open(1)
				return h.read()["pair_synced"] == 1
			})
			r.kept(fmt.Sprintf("after %s of %s", end, h.name))
		}
	}
	r.talk("in the end")
	r.finish()
}

// ctop is killed and begun again without the pair: it drops segments of what it does not know, as
// if there had never been a partner.
func TestPairForgotten(t *testing.T) {
	r := newPairRig(t)
	r.beginAll()
	first := r.halves[0]
	_ = first.cmd.Process.Kill()
	_ = first.cmd.Wait()
	r.beginAlone(first)
	r.route(1, 1)
	r.open(1)
	r.talk("by the other wire")
	r.route(0, 0)
	if _, err := r.conns[0].Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	r.eventually("it drops them", func() bool {
		for name, n := range first.read() {
			if n != 0 && strings.HasPrefix(name, `dropped_total{reason="policy"`) {
				return true
			}
		}
		return false
	})
	r.route(1, 1)
	r.hangUp()
	r.stop()
}
