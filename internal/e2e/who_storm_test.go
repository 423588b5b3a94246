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
		go func() {
			buf := make([]byte, 100)
			for {
				n, from, err := c.ReadFrom(buf)
				if err != nil {
					return
				}
				_, _ = c.WriteTo(buf[:n], from)
			}
		}()
		return c.LocalAddr().String(), nil
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return "", err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String(), nil
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

// TestWhoStorm has many programs make many short exchanges at once: none has a wrong name.
// CTOP_WHO is how many of each protocol there are, 10000 for a full run.
func TestWhoStorm(t *testing.T) {
	const programs, first = 50, 20000
	each := max(number(os.Getenv("CTOP_WHO")), 500) / programs
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
				all, named := map[flow.ID]bool{}, map[flow.ID]bool{}
				done := make(chan struct{})
				go func() {
					defer close(done)
					for _, a := range actors {
						_, _ = a.lines.ReadString('\n')
					}
				}()
				look := func() {
					for _, e := range n.log() {
						program := (int(e.Tuple.Src.Port()) - first) / each
						if int(e.Tuple.Src.Port()) < first || program >= programs || e.Tuple.Proto.HasICMP() {
							continue
						}
						all[e.ID] = true
						p := e.Holding.Owner()
						if p == nil {
							continue
						}
						if want := fmt.Sprintf("storm%02d", program); p.Name != want || e.Holding.End != flow.Origin {
							t.Fatalf("%s is of %s[%d], the %s, want %s", e.Tuple, p.Name, p.PID, e.Holding.End, want)
						}
						named[e.ID] = true
					}
					n.events = nil
				}
				for running := true; running; {
					select {
					case <-done:
						running = false
					case <-time.After(5 * time.Millisecond):
					}
					look()
				}
				n.eventually("all flows", func() bool { look(); return len(all) >= programs*each })
				t.Logf("%d flows, %d with their name (%.2f %%)", len(all), len(named), 100*float64(len(named))/float64(len(all)))
				if len(named)*1000 < len(all)*999 {
					t.Errorf("%d of %d flows have a name", len(named), len(all))
				}
			})
		}
	}
}
