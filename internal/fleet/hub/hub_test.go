package hub

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/internal/fleet/link"
)

const waitTimeout = 2 * time.Minute

// running is a hub with keys.
type running struct {
	t     *testing.T
	dir   Dir
	url   string
	creds map[string]*fleet.Credentials
	end   func()
}

func run(t *testing.T, o Options) *running {
	t.Helper()
	r := &running{t: t, dir: Dir(t.TempDir()), creds: map[string]*fleet.Credentials{}}
	for name, role := range map[string]fleet.Role{"edge-1": fleet.RoleHost, "edge-2": fleet.RoleHost, "ann": fleet.RoleOperator, "bob": fleet.RoleViewer} {
		r.add(role, name)
	}
	r.start(o)
	return r
}

func (r *running) start(o Options) {
	r.t.Helper()
	ready, done := make(chan string, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	o.Dir, o.Ready = r.dir, func(url string) { ready <- url }
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	go func() { done <- Run(ctx, o) }()
	ended := false
	r.end = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	}
	r.t.Cleanup(r.end)
	select {
	case r.url = <-ready:
	case err := <-done:
		ended = true
		r.t.Fatal(err)
	}
}

func (r *running) add(role fleet.Role, name string) {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), name)
	if err := r.dir.Add(role, name, path, time.Now()); err != nil {
		r.t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		r.t.Errorf("%v: credentials with mode %v", err, info.Mode())
	}
	c, err := fleet.ReadCredentials(path)
	if err != nil {
		r.t.Fatal(err)
	}
	r.creds[name] = c
}

// peer is a connection, and what the server has refused it.
type peer struct {
	*nats.Conn
	t       *testing.T
	refused chan error
}

// connectLimit is how long the client and the server have for a connection.
const connectLimit = 10 * time.Second

// connected connects, and tries again where the limit is over: the machine was too busy.
func connected(o link.Options) (*nats.Conn, error) {
	end, began := time.Now().Add(waitTimeout), time.Now()
	c, err := link.Connect(o)
	for err != nil && time.Since(began) >= connectLimit && time.Now().Before(end) {
		began = time.Now()
		c, err = link.Connect(o)
	}
	return c, err
}

func (r *running) connect(name string) *peer {
	r.t.Helper()
	c, err := connected(link.Options{URL: r.url, Credentials: r.creds[name]})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	p := &peer{c, r.t, make(chan error, 16)}
	c.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { p.refused <- err })
	return p
}

func (p *peer) expectRefused(what string) {
	p.t.Helper()
	select {
	case err := <-p.refused:
		if !errors.Is(err, nats.ErrPermissionViolation) {
			p.t.Errorf("%s: %v", what, err)
		}
	case <-time.After(waitTimeout):
		p.t.Errorf("%s is permitted", what)
	}
}

// A host neither hears what others say, nor speaks for another one. A viewer does not
// act, and no console hears what another one is answered. The real server's permissions
// see to that.
func TestPermissions(t *testing.T) {
	r := run(t, Options{})
	s := fleet.Space("main")
	host, ann, bob := r.connect("edge-1"), r.connect("ann"), r.connect("bob")
	heard, err := ann.SubscribeSync(s.Heartbeat("*"))
	if err != nil {
		t.Fatal(err)
	}
	if err := ann.FlushTimeout(waitTimeout); err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{
		">", "ctop.>", s.Heartbeat("*"), s.Heartbeat("edge-2"), s.Top("*", "*"), s.Question("edge-2"), s.Question("*"), s.Act("edge-2"), s.Act("*"),
		s.Answer("edge-2", "*.*"), s.Answer("*", "*.*"), s.Audit("*"), s.Inbox("edge-2") + ".>", s.Inbox("ann") + ".>", "$SYS.>", "$JS.>", "_INBOX.>",
	} {
		if _, err := host.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		host.expectRefused("a host that receives " + subject)
	}
	for _, subject := range []string{
		s.Heartbeat("edge-2"), s.Top("edge-2", "x"), s.Answer("edge-2", "ann.ABCDEFGH"), s.Audit("edge-2"), s.Watch(), s.WatchOf("edge-1"), s.WatchOf("ann"), s.Question("edge-2"),
		s.Question(fleet.All), s.Act("edge-2"), s.Act("edge-1"), s.Size(), s.Inbox("ann") + ".x", "$JS.API.STREAM.DELETE." + fleet.AuditStream, "$JS.API.INFO",
	} {
		if err := host.Publish(subject, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		host.expectRefused("a host that publishes " + subject)
	}
	for _, subject := range []string{s.WatchOf("ann"), s.WatchOf("x"), s.Act("edge-1"), s.Heartbeat("edge-1"), s.Audit("edge-1"), "$JS.API.STREAM.PURGE." + fleet.HostsStream, "$JS.API.DIRECT.GET." + fleet.AuditStream} {
		if err := bob.Publish(subject, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		bob.expectRefused("a viewer that publishes " + subject)
	}
	for _, subject := range []string{s.Answer("*", "ann.*"), s.Answer("*", "*.*"), s.Act("*"), s.Inbox("ann") + ".>", ">"} {
		if _, err := bob.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		bob.expectRefused("a viewer that receives " + subject)
	}
	// What it may is heard, and is the first thing that is heard.
	if err := host.Publish(s.Heartbeat("edge-1"), []byte("mine")); err != nil {
		t.Fatal(err)
	}
	if m, err := heard.NextMsg(waitTimeout); err != nil || string(m.Data) != "mine" {
		t.Errorf("%v: %v", err, m)
	}
}

// A key that was removed is no longer connected, and one that was added is.
func TestKeysWhileItRuns(t *testing.T) {
	r := run(t, Options{})
	gone := make(chan struct{}, 16)
	host := r.connect("edge-1")
	host.SetDisconnectErrHandler(func(*nats.Conn, error) { gone <- struct{}{} })
	if err := r.dir.Remove("edge-1"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-gone:
	case <-time.After(waitTimeout):
		t.Fatal("it stays connected")
	}
	if _, err := connected(link.Options{URL: r.url, Credentials: r.creds["edge-1"]}); err == nil || !strings.Contains(err.Error(), "ctop hub keys") {
		t.Errorf("a removed key: %v", err)
	}
	r.add(fleet.RoleHost, "edge-3")
	for deadline := time.Now().Add(waitTimeout); ; time.Sleep(20 * time.Millisecond) {
		c, err := link.Connect(link.Options{URL: r.url, Credentials: r.creds["edge-3"]})
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// Without a key nobody is let in. The streams survive a restart.
func TestNoKey(t *testing.T) {
	r := run(t, Options{})
	if c, err := nats.Connect(r.url); err == nil {
		c.Close()
		t.Error("it lets in whoever comes")
	}
	host := r.connect("edge-1")
	if err := host.Publish(fleet.Space("main").Heartbeat("edge-1"), fleet.Heartbeat{Every: 10}.Encode()); err != nil {
		t.Fatal(err)
	}
	if err := host.FlushTimeout(waitTimeout); err != nil {
		t.Fatal(err)
	}
}

// Off the loopback interface the hub speaks TLS, whatever name it is reached by, and only
// whoever knows its certificate believes it.
func TestTLS(t *testing.T) {
	r := run(t, Options{Address: "0.0.0.0:0"})
	if !strings.HasPrefix(r.url, "tls://") {
		t.Fatalf("it serves %s", r.url)
	}
	r.url = strings.Replace(r.url, "0.0.0.0", "localhost", 1)
	c := r.connect("edge-1")
	if _, err := c.TLSConnectionState(); err != nil {
		t.Error(err)
	}
	other := Dir(t.TempDir())
	if err := other.Prepare(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(other.file("tls.crt"))
	if err != nil {
		t.Fatal(err)
	}
	wrong := *r.creds["edge-2"]
	wrong.CA = string(text)
	if c, err := link.Connect(link.Options{URL: r.url, Credentials: &wrong}); err == nil {
		c.Close()
		t.Error("a hub with another certificate is believed")
	}
}

// Plain text goes no further than this machine.
func TestPlainTextRefused(t *testing.T) {
	r := run(t, Options{})
	plain := strings.Replace(r.url, "127.0.0.1", "0.0.0.0", 1) // means this machine, too
	if c, err := connected(link.Options{URL: plain, Credentials: r.creds["ann"]}); err == nil {
		c.Close()
		t.Error("plain text to another machine")
	} else if !strings.Contains(err.Error(), "--plain") {
		t.Error(err)
	}
	c, err := connected(link.Options{URL: plain, Credentials: r.creds["ann"], Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// Two hubs share neither an address nor a directory.
func TestSecondHub(t *testing.T) {
	r := run(t, Options{})
	address := strings.TrimPrefix(r.url, "nats://")
	for _, c := range []struct {
		what, want string
		o          Options
	}{
		{"address", "listens at " + address + " already", Options{Dir: Dir(t.TempDir()), Address: address}},
		{"directory", "another ctop hub has", Options{Dir: r.dir, Address: "127.0.0.1:0"}},
	} {
		if err := Run(context.Background(), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("the same %s: %v", c.what, err)
		}
	}
}

// What is wrong with a name or a file is said, and nothing is replaced.
func TestAdd(t *testing.T) {
	dir, path := Dir(t.TempDir()), filepath.Join(t.TempDir(), "x")
	if err := dir.Add(fleet.RoleHost, "edge-1", path, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, path, want string }{
		{"edge-1", path + "2", "has a key already"},
		{"edge-2", path, "is there already"},
		{"edge.2", path + "2", "letters, digits"},
		{"all", path + "2", "means all hosts"},
	} {
		if err := dir.Add(fleet.RoleHost, c.name, c.path, time.Now()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s in %s: %v", c.name, c.path, err)
		}
	}
	keys, err := dir.Keys()
	if err != nil || len(keys.Keys) != 1 {
		t.Errorf("%v: %v", err, keys)
	}
	if _, err := os.Stat(dir.file("keys.lock")); !os.IsNotExist(err) {
		t.Errorf("a lock is left: %v", err)
	}
	if err := os.WriteFile(dir.file("keys.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := dir.Add(fleet.RoleHost, "edge-3", path+"3", time.Now()); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("damaged keys: %v", err)
	}
}

// Whatever is stored, and by whom, the streams have a bound.
func TestStreamsAreBounded(t *testing.T) {
	for _, s := range Streams("main") {
		if s.MaxBytes <= 0 || s.MaxBytes > storeBytes/2 || s.MaxMsgSize <= 0 {
			t.Errorf("%s may have %d bytes, in messages of %d", s.Name, s.MaxBytes, s.MaxMsgSize)
		}
	}
}

// Who connects hears soon how many hosts there are: a thousand that do not know would come back
// at once.
func TestHostsHearHowManyTheyAre(t *testing.T) {
	r := run(t, Options{})
	host := r.connect("edge-1")
	heard, err := host.SubscribeSync(fleet.Space("main").Size())
	if err != nil {
		t.Fatal(err)
	}
	if m, err := heard.NextMsg(waitTimeout); err != nil || string(m.Data) != `{"hosts":2}` {
		t.Errorf("%v: %v", err, m)
	}
}
