package e2e

import (
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"ctop/internal/lab"
)

// conversation is a TCP connection through the tracker.
type conversation struct {
	t              *testing.T
	client, server net.Conn
}

func (e *exported) converse(t *testing.T) *conversation {
	t.Helper()
	l, err := e.Server.Listen(e.ctx, "tcp", netip.AddrPortFrom(e.Server.Addr4(), 7000).String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := &conversation{t: t}
	if c.client, err = e.Client.Dial(e.ctx, "tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if c.server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.client.Close(); _ = c.server.Close() })
	return c
}

// say sends something one way, and waits until it has arrived and was acknowledged.
func (c *conversation) say(n int) {
	c.t.Helper()
	if _, err := c.client.Write(make([]byte, n)); err != nil {
		c.t.Fatal(err)
	}
	if _, err := io.ReadFull(c.server, make([]byte, n)); err != nil {
		c.t.Fatal(err)
	}
	for deadline := time.Now().Add(waitTimeout); segments(c.t, c.client).Unacked > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatal("nobody acknowledges what arrived")
		}
	}
}

// A service that is restarted by its manager goes on: what flows carried is told once, by
// the old service or by the new one.
func TestRecordsSurviveARestart(t *testing.T) {
	lab.Require(t)
	c := &collected{t: t}
	stop := c.listen()
	e := serveFlows(t, collectorAddr, "--ipfix-active", "1h")
	long := e.converse(t)
	long.say(100_000)
	_ = e.cmd.Process.Signal(syscall.SIGUSR1)
	if err := e.cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, e.log.end())
	}
	var before carried
	e.eventually("the first service's records have arrived", func() bool {
		before, _, _ = c.sofar()
		return before.octets >= 100_000
	})
	e.start(e.command("--ipfix", collectorAddr, "--ipfix-active", "1h"))
	long.say(70_000)
	e.settle()
	e.stop()
	stop()
	got, ends, _ := c.sofar()
	want := e.ended()
	t.Logf("%+v of the first service, %+v in all, of %+v", before, got, want)
	if got.packets != want.packets || got.octets != want.octets || ends != want.flows {
		t.Errorf("%+v of the first service, %+v in all, %d ends, of %+v; ctop: %s", before, got, ends, want, e.log.end())
	}
}
