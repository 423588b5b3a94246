package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// number parses an argument of an actor, 0 for what is none.
func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// echo answers in the background, and returns where.
func echo(network, address string) (string, error) {
	if network == "udp4" {
		c, err := net.ListenPacket(network, address)
		if err != nil {
			return "", err
		}
		go answer(c)
		return c.LocalAddr().String(), nil
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return "", err
	}
	go acceptAll(l, func(c net.Conn) { go sendBack(c) })
	return l.Addr().String(), nil
}

// answer sends each packet back until the socket is closed.
func answer(c net.PacketConn) {
	b := make([]byte, 1500)
	for {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		_, _ = c.WriteTo(b[:n], from)
	}
}

// acceptAll serves one connection after the other until the listener is closed.
func acceptAll(l net.Listener, serve func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		serve(c)
	}
}

// sendBack sends back what arrives, and closes the connection with its other end.
func sendBack(c net.Conn) {
	_, _ = io.Copy(c, c)
	_ = c.Close()
}

// storm makes short exchanges, each from a port of its own.
func storm(network, from string, first, count int, to string) error {
	for i := range count {
		local := place(from, first+i)
		var d net.Dialer
		if network == "udp4" {
			d.LocalAddr, _ = net.ResolveUDPAddr(network, local)
		} else {
			d.LocalAddr, _ = net.ResolveTCPAddr(network, local)
		}
		c, err := d.Dial(network, to)
		if err != nil {
			return err
		}
		if _, err = c.Write([]byte("hello")); err == nil {
			_, err = io.ReadFull(c, make([]byte, 5))
		}
		if err = firstError(err, c.Close()); err != nil {
			return err
		}
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// census counts the flows of a storm, and those with their name. Any other name, or another
// end, fails the test.
type census struct {
	n *watcher
	// expect returns the name that belongs to an event's flow, empty for what is not part of
	// the storm.
	expect func(e flow.Event) string
	end    flow.Direction
	// visitor, if it is not empty, has the other end, and is as right.
	visitor             string
	all, named, visited map[flow.ID]bool
	// lost is the number of events that came too fast: a flow has several.
	lost int
}

func newCensus(n *watcher, end flow.Direction, expect func(e flow.Event) string) *census {
	return &census{n: n, expect: expect, end: end, all: map[flow.ID]bool{}, named: map[flow.ID]bool{}, visited: map[flow.ID]bool{}}
}

// look counts what happened since the last look.
func (c *census) look() {
	t := c.n.rig.t
	t.Helper()
	for _, e := range c.n.log() {
		c.lost += int(e.Lost)
		want := ""
		if !e.Tuple.Proto.HasICMP() {
			want = c.expect(e)
		}
		if want == "" {
			continue
		}
		c.all[e.ID] = true
		p := e.Holding.Owner()
		if p == nil {
			continue
		}
		if p.Name == c.visitor && e.Holding.End != c.end {
			c.visited[e.ID] = true
			continue
		}
		if p.Name != want || e.Holding.End != c.end {
			t.Fatalf("%s is of %s[%d], the %s, want %s, the %s", e.Tuple, p.Name, p.PID, e.Holding.End, want, c.end)
		}
		c.named[e.ID] = true
	}
	c.n.events = nil
}

// take looks until the storm is over and every flow was seen, and waits until nearly all have
// their name.
func (c *census) take(done <-chan struct{}, flows int) {
	t := c.n.rig.t
	t.Helper()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-time.After(5 * time.Millisecond):
		}
		c.look()
	}
	defer func() {
		t.Logf("%d flows, %d with their name (%.2f %%), %d with that of the other end; %d events lost", len(c.all), len(c.named),
			100*float64(len(c.named))/float64(len(c.all)), len(c.visited), c.lost)
	}()
	c.n.eventually("all flows", func() bool { c.look(); return len(c.all)+c.lost >= flows })
	// The event with the name may not be the first of its flow.
	c.n.eventually("nearly all have their name", func() bool {
		c.look()
		return (len(c.named)+len(c.visited))*1000 >= len(c.all)*999
	})
}

// stormSize is how many exchanges of each protocol there are. CTOP_WHO is it, 10000 for a
// full run.
func stormSize() int { return max(number(os.Getenv("CTOP_WHO")), 500) }

// TestWhoStorm has many programs make many short exchanges at once: none has a wrong name.
func TestWhoStorm(t *testing.T) {
	const programs, first = 50, 20000
	each := stormSize() / programs
	for _, network := range []string{"tcp4", "udp4"} {
		for _, where := range []string{"own", "peer"} {
			t.Run(network+"/"+where, func(t *testing.T) {
				n := newWatcher(t)
				n.eventLog = 16 * programs * each
				n.watch()
				host, other := (*lab.Host)(nil), n.Client
				from, at := n.here, n.Client.Addr4().String()
				if where == "peer" {
					host, other, from, at = n.Client, nil, at, from
				}
				server := n.actor(other, "echo", "echo", network, place(at, 0))
				to := server.hears()
				var actors []*actor
				for i := range programs {
					actors = append(actors, n.actor(host, fmt.Sprintf("storm%02d", i), "storm", network, from,
						strconv.Itoa(first+i*each), strconv.Itoa(each), to))
				}
				done := make(chan struct{})
				go func() {
					defer close(done)
					for _, a := range actors {
						_, _ = a.lines.ReadString('\n')
					}
				}()
				newCensus(n, flow.Origin, func(e flow.Event) string {
					program := (int(e.Tuple.Src.Port()) - first) / each
					if int(e.Tuple.Src.Port()) < first || program >= programs {
						return ""
					}
					return fmt.Sprintf("storm%02d", program)
				}).take(done, programs*each)
			})
		}
	}
}
