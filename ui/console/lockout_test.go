package console

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// dialFrom connects from an address of the loopback network.
func (r *rig) dialFrom(addr string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}, Timeout: waitTimeout}
	return d.Dial("tcp", r.addr)
}

// logIn tries to log in from an address, some times.
func (r *rig) logIn(from string, tries int) error {
	var last error
	for range tries {
		conn, err := r.dialFrom(from)
		if err != nil {
			return err
		}
		_ = conn.SetDeadline(time.Now().Add(waitTimeout))
		c, chans, requests, err := ssh.NewClientConn(conn, r.addr, r.config(r.ann))
		if err != nil {
			_ = conn.Close()
			last = err
			continue
		}
		client := ssh.NewClient(c, chans, requests)
		out, _, _ := r.commandOn(client, "ok")
		_ = client.Close()
		if out != "served operator\n" {
			return fmt.Errorf("served %q", out)
		}
		return nil
	}
	return last
}

// Connects that come to nothing shut nobody out.
func TestConnectsShutNobodyOut(t *testing.T) {
	r := newRig(t, Limits{})
	for range 31 {
		c := r.raw()
		_ = c.Close()
	}
	r.eventually("all have ended", func() bool { return r.server.Stats().Failed >= 31 })
	if err := r.logIn("127.0.0.1", 1); err != nil {
		t.Error(err)
	}
	if strings.Contains(r.log.String(), "refused") {
		t.Error("connections that said nothing are in the log")
	}
	r.serves()
}

// Idle connections from everywhere shut nobody out.
func TestIdleConnectionsShutNobodyOut(t *testing.T) {
	r := newRig(t, Limits{})
	for i := range 150 {
		c, err := r.dialFrom(fmt.Sprintf("127.0.1.%d", i+1))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // the server may have closed it
	}
	r.eventually("all places are taken", func() bool { return r.server.gate.waiting() == 100 })
	if err := r.logIn("127.0.0.1", 3); err != nil {
		t.Error(err)
	}
}

// An operator logs in while his own address attacks with default limits: idle
// connections, nonsense and keys that are not authorised, each of them renewed as
// soon as the server ends it.
func TestLoginUnderAttack(t *testing.T) {
	r := newRig(t, Limits{})
	began, stop := time.Now(), make(chan struct{})
	var attack sync.WaitGroup
	for i := range 60 {
		attack.Go(func() {
			wrong := r.config(newSigner(t))
			wrong.Timeout = time.Second
			for {
				select {
				case <-stop:
					return
				default:
				}
				r.attackOnce(i%3, wrong)
			}
		})
	}
	r.eventually("the attack fills all places", func() bool {
		s := r.server.Stats()
		return s.Dropped > 100 && s.Failed > 50
	})
	for i := range 3 {
		if err := r.logIn("127.0.0.1", 100); err != nil {
			t.Errorf("login %d: %v; %+v", i, err, r.server.Stats())
		}
	}
	close(stop)
	attack.Wait()
	r.eventually("the attack is over", func() bool { return r.server.gate.waiting() == 0 })
	n, minutes := strings.Count(r.log.String(), "a connection was refused"), 1+int(time.Since(began)/time.Minute)
	if n == 0 || n > minutes*mostLines {
		t.Errorf("%d lines in the log in %d minutes", n, minutes)
	}
	if err := r.logIn("127.0.0.1", 100); err != nil {
		t.Error(err)
	}
}

// attackOnce opens a connection and waits until it is closed.
func (r *rig) attackOnce(kind int, wrong *ssh.ClientConfig) {
	conn, err := net.DialTimeout("tcp", r.addr, waitTimeout)
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the server may have closed it
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	switch kind {
	case 0:
		_, _ = io.Copy(io.Discard, conn)
	case 1:
		_, _ = io.WriteString(conn, "SSH-2.0-x\r\nnonsense")
		_, _ = io.Copy(io.Discard, conn)
	case 2:
		_, _, _, _ = ssh.NewClientConn(conn, r.addr, wrong)
	}
}

// Those who do not log in take no more than their share, and are forgotten.
func TestManyConnections(t *testing.T) {
	r := newRig(t, Limits{Handshake: 3 * time.Second, StartupsPerAddress: 10})
	const many = 10_000
	for i := range many {
		c, err := net.DialTimeout("tcp", r.addr, waitTimeout)
		if err != nil {
			t.Fatal(i, err)
		}
		defer c.Close() //nolint:errcheck // the server may have closed it
		if n := r.server.gate.waiting(); n > 10 {
			t.Fatalf("%d wait", n)
		}
		if i%100 == 99 {
			r.eventually("all but ten are dropped, or have had their time", func() bool {
				s := r.server.Stats()
				return s.Dropped+s.Failed >= uint64(i-9)
			})
		}
	}
	r.eventually("all are gone", func() bool {
		s := r.server.Stats()
		return s.Dropped+s.Failed == many && s.Connections == 0 && r.server.gate.waiting() == 0
	})
	r.serves()
}

// Somebody with many wrong keys is told so at times, and shuts nobody out.
func TestFailuresPerAddress(t *testing.T) {
	r := newRig(t, Limits{FailuresPerAddress: 5})
	r.stopFailures()
	fail := func() error {
		c, err := ssh.Dial("tcp", r.addr, r.config(newSigner(t)))
		if err == nil {
			_ = c.Close()
			t.Fatal("came in")
		}
		return err
	}
	for range 5 {
		if err := fail(); !strings.Contains(err.Error(), "unable to authenticate") {
			t.Error(err)
		}
	}
	r.eventually("one is turned away", func() bool {
		_ = fail()
		return r.server.Stats().Refused > 0
	})
	if n := r.server.Stats().Refused; n != 1 {
		t.Errorf("one was turned away, and %d are counted", n)
	}
	r.eventually("one is told why", func() bool {
		c := r.raw()
		_ = c.(*net.TCPConn).CloseWrite() // one that is let in ends at once
		return strings.Contains(closedBy(t, c), "too many connections from 127.0.0.1 failed")
	})
	if err := r.logIn("127.0.0.1", 1000); err != nil {
		t.Error(err)
	}
}

// stopFailures keeps failures from being forgotten after a minute.
func (r *rig) stopFailures() {
	r.server.gate.mu.Lock()
	defer r.server.gate.mu.Unlock()
	now := time.Now()
	r.server.gate.clock = func() time.Time { return now }
}

// Viewers leave some sessions to operators.
func TestSessionsKeptForOperators(t *testing.T) {
	r := newRig(t, Limits{Sessions: 6, SessionsPerKey: 100})
	vic := r.dial(r.vic)
	opened, refused := openMany(t, vic, 10)
	if opened != 3 || !strings.Contains(refused, "all sessions of viewers are taken") {
		t.Errorf("%d opened, %q", opened, refused)
	}
	if out, _, _ := r.command(r.ann, "ok"); out != "served operator\n" {
		t.Error(out)
	}
	_ = vic.Close()
	r.serves()
}
