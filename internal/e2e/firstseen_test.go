package e2e

import (
	"net"
	"strings"
	"testing"
)

// A service learns what is usual, marks what is not, and goes on after a restart.
func TestServeFirstSeen(t *testing.T) {
	s := newServing(t)
	flags := []string{"--first-seen", "1s", "--first-seen-keep"}
	s.start(s.command(flags...))
	s.eventually("it has learned", func() bool {
		s.forwards() // pings are usual
		return strings.Contains(s.log.String(), "first seen: learned ")
	})
	s.eventually("a new port is told", func() bool {
		err := s.Client.Do(func() error {
			c, err := net.Dial("udp", net.JoinHostPort(s.Server.Addr4().String(), "4321"))
			if err == nil {
				_, err = c.Write([]byte("x"))
				_ = c.Close()
			}
			return err
		})
		return err == nil && strings.Contains(s.log.String(), ", port 4321/udp (new port")
	})
	if n := s.metric("ctop_first_seen_total"); n < 1 {
		t.Errorf("%g flows were first by the metric", n)
	}
	if n := s.metric("ctop_first_seen_known"); n < 1 {
		t.Errorf("%g things are known by the metric", n)
	}
	s.stop()
	s.start(s.command(flags...))
	s.eventually("it knows what is usual", func() bool { return strings.Contains(s.log.String(), "things are usual: what is new is marked") })
	s.stop()
}
