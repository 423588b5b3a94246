package e2e

import (
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// stream sends about 40 Mbit/s by a connection until stop is called, and returns how much
// has arrived.
func (r *pairRig) stream() (arrived *atomic.Int64, stop func()) {
	r.t.Helper()
	var listener net.Listener
	var from net.Conn
	err := r.Server.Do(func() (err error) {
		listener, err = net.Listen("tcp", pairServer+":7001")
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	arrived = new(atomic.Int64)
	r.echoes.Go(func() {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		b := make([]byte, 1<<16)
		for err == nil {
			var n int
			n, err = c.Read(b)
			arrived.Add(int64(n))
		}
		_ = c.Close()
	})
	err = r.Client.Do(func() (err error) {
		from, err = net.DialTimeout("tcp", pairServer+":7001", waitTimeout)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan struct{})
	r.echoes.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		b := make([]byte, 25_000)
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				if _, err := from.Write(b); err != nil {
					return
				}
			}
		}
	})
	stop = func() {
		close(ended)
		_ = from.Close()
		_ = listener.Close()
		r.echoes.Wait()
	}
	return arrived, stop
}

// A busy connection moves to the other wire and comes back, after times that are shorter and
// longer than what the partner takes to say so: no packet is dropped.
func TestPairBusyComesBack(t *testing.T) {
	r := newPairRig(t)
	r.beginAll()
	arrived, stop := r.stream()
	r.established(r.halves[1], 1)
	for _, away := range []time.Duration{20, 200, 1000, 50, 2000, 200, 5000, 100} {
		away *= time.Millisecond
		for range 2 {
			for _, wire := range [...]int{1, 0} {
				before := arrived.Load()
				r.route(wire, wire)
				time.Sleep(away)
				r.eventually("data arrives by the other wire", func() bool { return arrived.Load() > before+1<<17 })
			}
		}
		r.kept("away for " + away.String())
	}
	stop()
	r.stop()
}
