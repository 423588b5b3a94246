package hub

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/internal/fleet/link"
)

// ownAddress returns an address of this machine at which nobody else takes a port that was given
// back.
func ownAddress() string {
	return fmt.Sprintf("127.%d.%d.%d", 1+rand.N(254), rand.N(256), 1+rand.N(254))
}

// freePort returns an address of this machine at which nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", ownAddress()+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// copyOf returns a second hub with the directory of another one, but for its streams.
func copyOf(t *testing.T, r *running) *running {
	t.Helper()
	second := &running{t: t, dir: Dir(t.TempDir()), creds: r.creds}
	for _, name := range []string{"keys.json", "authority.seed", "link.seed", "tls.crt", "tls.key"} {
		text, err := os.ReadFile(r.dir.file(name))
		if err == nil {
			err = os.WriteFile(second.dir.file(name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return second
}

// hears waits until what from publishes arrives at a subscription of to.
func hears(t *testing.T, from *nats.Conn, to *nats.Subscription, subject string) {
	t.Helper()
	for end := time.Now().Add(waitTimeout); ; {
		if err := from.Publish(subject, []byte("x")); err != nil && time.Now().After(end) {
			t.Fatal(err)
		}
		if _, err := to.NextMsg(50 * time.Millisecond); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("what is published on %s does not arrive", subject)
		}
	}
}

func (r *running) lasting(name string) *nats.Conn {
	r.t.Helper()
	c, err := link.Connect(link.Options{URL: r.url, Credentials: r.creds[name], Persistent: true, Spread: func() time.Duration { return 100 * time.Millisecond }})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	return c
}

// Hosts and consoles of two linked hubs meet, each hub has the heartbeats of both, keys are
// read again, and all goes on after either has been gone.
func TestLink(t *testing.T) {
	at := freePort(t)
	listening, coming := Options{LinkListen: at, Address: ownAddress() + ":0"}, Options{Link: at, Address: ownAddress() + ":0"}
	a := run(t, listening)
	b := copyOf(t, a)
	b.start(coming)
	space := fleet.Space("main")
	near, far, ann := a.lasting("edge-1"), b.lasting("edge-2"), b.lasting("ann")
	asked, err := near.SubscribeSync(space.Question("edge-1"))
	if err != nil {
		t.Fatal(err)
	}
	beats, err := ann.SubscribeSync(space.Heartbeat("edge-1"))
	if err != nil {
		t.Fatal(err)
	}
	again := func(when string) {
		t.Log(when)
		hears(t, ann, asked, space.Question("edge-1"))
		hears(t, near, beats, space.Heartbeat("edge-1"))
	}
	again("at first")
	stored := func(r *running, console, host string, from *nats.Conn) {
		t.Helper()
		c := r.lasting(console)
		for end := time.Now().Add(waitTimeout); ; {
			_ = from.Publish(space.Heartbeat(host), fleet.Heartbeat{Every: 10}.Encode()) // again below
			m, err := c.Request("$JS.API.DIRECT.GET."+fleet.HostsStream, []byte(`{"last_by_subj":"`+space.Heartbeat(host)+`"}`), time.Second)
			if err == nil && m.Header.Get("Status") == "" {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("no heartbeat of %s is stored: %v, %v", host, err, m)
			}
		}
	}
	stored(b, "bob", "edge-1", near)
	stored(a, "bob", "edge-2", far)
	a.restart(listening)
	again("after the first has been gone")
	b.restart(coming)
	again("after the second has been gone")
	// Keys are read again while hubs are linked.
	a.add(fleet.RoleHost, "edge-3")
	for end := time.Now().Add(waitTimeout); ; time.Sleep(20 * time.Millisecond) {
		c, err := link.Connect(link.Options{URL: a.url, Credentials: a.creds["edge-3"]})
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	again("after a key was added")
}

// restart ends a hub, and begins it at the same address.
func (r *running) restart(o Options) {
	r.t.Helper()
	r.end()
	o.Address = strings.TrimPrefix(r.url, "nats://")
	r.start(o)
}

// A hub of another directory joins none, nor does a host by the port of links.
func TestLinkOfAnother(t *testing.T) {
	at := freePort(t)
	a := run(t, Options{LinkListen: at})
	other := Dir(t.TempDir())
	if err := other.Prepare(); err != nil {
		t.Fatal(err)
	}
	space := fleet.Space("main")
	// With the certificate, but without the key, it is refused, too.
	c := copyOf(t, a)
	text, err := os.ReadFile(other.file("link.seed"))
	if err == nil {
		err = os.WriteFile(c.dir.file("link.seed"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.start(Options{Link: at})
	asked, err := a.connect("edge-2").SubscribeSync(space.Question("edge-2"))
	if err != nil {
		t.Fatal(err)
	}
	ann := c.connect("ann")
	for range 50 {
		if err := ann.Publish(space.Question("edge-2"), []byte("x")); err != nil {
			t.Fatal(err)
		}
		if m, err := asked.NextMsg(100 * time.Millisecond); err == nil {
			t.Fatalf("a hub without the key is heard: %s", m.Data)
		}
	}
	if n, err := link.Connect(link.Options{URL: "nats://" + at, Credentials: a.creds["ann"]}); err == nil {
		n.Close()
		t.Error("a console is let in by the port of links")
	}
}

// Hubs with certificates of their own are not linked, and both say what to do.
func TestLinkOfOtherCertificates(t *testing.T) {
	at, here, there := freePort(t), make(lines, 1000), make(lines, 1000)
	run(t, Options{LinkListen: at, Log: slog.New(slog.NewTextHandler(there, nil))})
	run(t, Options{Link: at, Log: slog.New(slog.NewTextHandler(here, nil))})
	here.expect(t, "the hub there has another certificate: copy its directory to this machine, but for jetstream")
	there.expect(t, "a hub that comes from there wants another certificate: copy this hub's directory to its machine, but for jetstream")
}

// The port of links is checked, and a damaged key is said.
func TestLinkFails(t *testing.T) {
	at := freePort(t)
	a := run(t, Options{LinkListen: at})
	log := slog.New(slog.DiscardHandler)
	err := Run(context.Background(), Options{Dir: Dir(t.TempDir()), Address: "127.0.0.1:0", LinkListen: at, Log: log})
	if err == nil || !strings.Contains(err.Error(), "--link-listen") {
		t.Errorf("the port is taken: %v", err)
	}
	b := copyOf(t, a)
	if err := os.WriteFile(filepath.Join(string(b.dir), "link.seed"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = Run(context.Background(), Options{Dir: b.dir, Address: "127.0.0.1:0", LinkListen: "127.0.0.1:0", Log: log})
	if err == nil || !strings.Contains(err.Error(), "copy it from the other hub") {
		t.Errorf("a damaged key: %v", err)
	}
}
