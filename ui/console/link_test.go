package console

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// farAway relays connections over a link that takes its time and loses packets.
// TCP makes up for a loss by sending again: what is behind it waits.
type farAway struct {
	to       string
	oneWay   time.Duration
	loss     float64
	listener net.Listener
	work     sync.WaitGroup
}

func newFarAway(t *testing.T, to string, roundTrip time.Duration, loss float64) *farAway {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &farAway{to: to, oneWay: roundTrip / 2, loss: loss, listener: l}
	f.work.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			f.work.Go(func() { f.carry(near, far) })
			f.work.Go(func() { f.carry(far, near) })
		}
	})
	return f
}

type parcel struct {
	data []byte
	due  time.Time
}

// carry moves what comes in out again when it is due, in order.
func (f *farAway) carry(from, to net.Conn) {
	parcels := make(chan parcel, 1000)
	f.work.Go(func() {
		for p := range parcels {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				break
			}
		}
		_ = to.Close()
		_ = from.Close()
		for range parcels { //nolint:revive // nobody waits for the rest
		}
	})
	defer close(parcels)
	for {
		packet := make([]byte, 1460)
		n, err := from.Read(packet)
		if err != nil {
			return
		}
		due := time.Now().Add(f.oneWay)
		if rand.Float64() < f.loss {
			due = due.Add(2 * f.oneWay) // a fast retransmission
		}
		parcels <- parcel{packet[:n], due}
	}
}

func (f *farAway) close() {
	_ = f.listener.Close()
	f.work.Wait()
}

// The console over a link of 200 ms that loses one packet in twenty.
func TestFarAway(t *testing.T) {
	r := newRig(t, Limits{})
	link := newFarAway(t, r.addr, 200*time.Millisecond, 0.05)
	direct := r.addr
	r.addr = link.listener.Addr().String()
	s := r.open(r.ann, "xterm-256color", 200, 50)
	r.shows(s, "10.0.0.1:40000")
	// Keys that were pressed one after the other arrive together.
	r.press(s, "/src:10.0.0.2\r")
	r.shows(s, "1/3")
	r.press(s, "dy")
	r.eventually("a flow was deleted", func() bool { return r.source.acts() == 1 })
	if err := s.WindowChange(20, 60); err != nil {
		t.Fatal(err)
	}
	r.press(s, "?")
	r.press(s, "\x03")
	if err := r.end(s); err != nil {
		t.Error(err)
	}
	c, err := ssh.Dial("tcp", r.addr, r.config(r.ann))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	link.close()
	r.addr = direct
	r.serves()
}
