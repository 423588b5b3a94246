package console

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"ctop/tracker/flow"
	"ctop/ui"
)

const (
	// waitTimeout bounds every wait; nothing here is expected to take as long.
	waitTimeout = 3 * time.Minute
	// ample is as much time as no client needs, on however busy a machine.
	ample = time.Hour
)

// fakeSource is a tracker of three flows that does what it is told.
type fakeSource struct {
	mu       sync.Mutex
	deleted  int
	timeouts []string
	// flows is how many there are, three where zero.
	flows atomic.Int32
	// busy makes them count, each at its own rate.
	busy atomic.Bool
	// panics makes the next look at it one.
	panics atomic.Bool
}

func (f *fakeSource) Snapshot() *flow.Snapshot {
	if f.panics.CompareAndSwap(true, false) {
		panic("by intention")
	}
	s := &flow.Snapshot{
		Time: time.Now(), MaxFlows: 1000, Timeouts: flow.DefaultTimeouts(),
		Interfaces: []flow.Interface{
			{Name: "veth1", Mode: flow.ModeNative, Up: true}, {Name: "veth2", Mode: flow.ModeNative, Up: true},
		},
	}
	for i := range max(3, f.flows.Load()) {
		one := flow.Flow{
			ID: flow.ID(i + 1), State: flow.StateEstablished, Timeout: time.Hour,
			Tuple: flow.Tuple{
				Proto: flow.ProtocolTCP,
				Src:   flow.EndFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 40000),
				Dst:   flow.MustParseEnd("192.168.1.10:443"),
			},
		}
		if f.busy.Load() {
			one.Origin = flow.Half{Packets: 1, Bytes: uint64(s.Time.Unix()) % 1e6 * uint64(i), BPS: float64((s.Time.Unix() * int64(i+7)) % 997 * 1000)}
		}
		s.Flows = append(s.Flows, one)
	}
	return s
}

func (f *fakeSource) Events(uint64) ([]flow.Event, uint64) { return nil, 0 }

func (f *fakeSource) Act(_ context.Context, act flow.Act) (flow.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch act.Kind {
	case flow.ActDelete:
		f.deleted += len(act.Flows)
	case flow.ActTimeout:
		f.timeouts = append(f.timeouts, fmt.Sprintf("%s=%s", act.Timeout, act.Duration))
	}
	return flow.Outcome{Done: max(len(act.Flows), 1)}, nil
}

// Inspect knows a socket of every flow.
func (f *fakeSource) Inspect(context.Context, flow.Ref) (flow.Inspection, error) {
	return flow.Inspection{Reply: &flow.Socket{CWnd: 12, MSS: 1448}}, nil
}

func (f *fakeSource) acts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.deleted + len(f.timeouts)
}

// logged is a log that tests read.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// rig is a server that runs, with ann, an operator, and vic, a viewer.
type rig struct {
	t        *testing.T
	server   *Server
	source   *fakeSource
	log      *logged
	dir      string
	addr     string
	link     *relay // nil for TCP
	ann, vic ssh.Signer
	// fleet is what sessions open, nothing before it is set.
	fleet atomic.Pointer[Fleet]
	stop  func()
}

func newSigner(t testing.TB) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// line is a key as a keys file has it.
func line(options string, s ssh.Signer, comment string) string {
	text := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey()))) + " " + comment + "\n"
	if options != "" {
		text = options + " " + text
	}
	return text
}

// newRig runs a server whose clients may take their time, unless the limits say otherwise.
func newRig(t *testing.T, l Limits) *rig {
	t.Helper()
	l.Handshake, l.Stall = cmp.Or(l.Handshake, ample), cmp.Or(l.Stall, ample)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return newRigAt(t, l, listener)
}

func newRigAt(t *testing.T, l Limits, listener net.Listener) *rig {
	t.Helper()
	before := resources()
	r := &rig{t: t, source: &fakeSource{}, log: &logged{}, dir: t.TempDir(), ann: newSigner(t), vic: newSigner(t)}
	var look []ui.Option
	if r.link, _ = listener.(*relay); r.link == nil {
		// A message stays in the footer until the client has shown it.
		began := time.Now()
		look = append(look, ui.WithClock(func() time.Time { return began.Add(time.Since(began) / 100) }))
	}
	r.writeKeys(line(`role="operator"`, r.ann, "ann@desk") + line("", r.vic, "vic@desk"))
	keys, err := OpenKeyring(r.path("keys"))
	if err != nil {
		t.Fatal(err)
	}
	hostKey, err := HostKey(r.path("host"))
	if err != nil {
		t.Fatal(err)
	}
	audit, err := OpenAudit(r.path("audit"))
	if err != nil {
		t.Fatal(err)
	}
	r.server, err = New(Options{
		Source: r.source, Keys: keys, HostKey: hostKey, Audit: audit, Exec: fakeExec, Limits: l,
		Log: slog.New(slog.NewTextHandler(r.log, nil)), OpenFleet: r.openFleet, Look: look,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.server.lookInterval = 50 * time.Millisecond
	if r.link == nil {
		r.server.grace = 20 * time.Second
	}
	r.addr = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.server.Serve(ctx, listener) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		audit.Close()
		before.check(t)
	})
	t.Cleanup(r.stop)
	return r
}

func (r *rig) openFleet(context.Context) (*Fleet, error) {
	if f := r.fleet.Load(); f != nil {
		return f, nil
	}
	return nil, ErrNoFleet
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

// writeKeys replaces the keys file as a whole: the server may read it at any time.
func (r *rig) writeKeys(text string) {
	r.t.Helper()
	next := r.path("keys.new")
	if err := errors.Join(os.WriteFile(next, []byte(text), 0o600), os.Rename(next, r.path("keys"))); err != nil {
		r.t.Fatal(err)
	}
}

// fakeExec knows the commands that tests need.
func fakeExec(ctx context.Context, c Command) int {
	switch c.Args[0] {
	case "ok":
		_, _ = fmt.Fprintln(c.Stdout, "served", c.Role)
		return 0
	case "delete":
		if _, err := c.Actor.Act(ctx, flow.Deletion(flow.Ref{ID: 1})); err != nil {
			_, _ = fmt.Fprintln(c.Stderr, err)
			return 1
		}
		return 0
	case "ask":
		if c.Stdin == nil {
			_, _ = fmt.Fprintln(c.Stdout, "no terminal")
			return 0
		}
		_, _ = fmt.Fprintln(c.Stdout, "say it")
		said := make(chan string, 1)
		go func() {
			line, _ := bufio.NewReader(c.Stdin).ReadString('\n')
			said <- "you said " + line
		}()
		select {
		case <-ctx.Done():
			_, _ = fmt.Fprintln(c.Stdout, "interrupted")
		case line := <-said:
			_, _ = fmt.Fprint(c.Stdout, line)
		}
		return 0
	case "wait":
		<-ctx.Done()
		return 0
	case "flood":
		for {
			if _, err := c.Stdout.Write(make([]byte, 1<<20)); err != nil {
				return 1
			}
		}
	}
	_, _ = fmt.Fprintln(c.Stderr, "not here")
	return 2
}

func (r *rig) config(signers ...ssh.Signer) *ssh.ClientConfig {
	return &ssh.ClientConfig{
		User: "anyone", Auth: []ssh.AuthMethod{ssh.PublicKeys(signers...)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: waitTimeout,
	}
}

func (r *rig) dial(signers ...ssh.Signer) *ssh.Client {
	r.t.Helper()
	raw := r.raw()
	c := r.login(raw, signers...)
	_ = raw.SetDeadline(time.Time{})
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

// login logs in over a connection.
func (r *rig) login(conn net.Conn, signers ...ssh.Signer) *ssh.Client {
	r.t.Helper()
	c, chans, reqs, err := ssh.NewClientConn(conn, r.addr, r.config(signers...))
	if err != nil {
		r.t.Fatal(err)
	}
	return ssh.NewClient(c, chans, reqs)
}

// command runs a headless command over a connection of its own.
func (r *rig) command(s ssh.Signer, command string) (stdout, stderr string, status int) {
	r.t.Helper()
	c := r.dial(s)
	defer c.Close() //nolint:errcheck // the server may have closed it
	return r.commandOn(c, command)
}

func (r *rig) commandOn(c *ssh.Client, command string) (stdout, stderr string, status int) {
	r.t.Helper()
	x, err := c.NewSession()
	if err != nil {
		r.t.Fatal(err)
	}
	var out, errs bytes.Buffer
	x.Stdout, x.Stderr = &out, &errs
	err = x.Run(command)
	if exit, ok := err.(*ssh.ExitError); ok { //nolint:errorlint // Run does not wrap it
		return out.String(), errs.String(), exit.ExitStatus()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return out.String(), errs.String(), 0
}

// serves fails unless the server serves, and holds nothing of former clients.
func (r *rig) serves() {
	r.t.Helper()
	if out, _, status := r.command(r.ann, "ok"); status != 0 || out != "served operator\n" {
		r.t.Fatalf("%q, status %d", out, status)
	}
	r.eventually("no connection is left", func() bool {
		s := r.server.Stats()
		return s.Sessions == 0 && s.Connections == 0 && r.server.gate.waiting() == 0 && r.server.registered() == 0
	})
}

// registered counts the connections that a stop would close.
func (s *Server) registered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients)
}

func (r *rig) eventually(what string, holds func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(waitTimeout); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("never: %s; %+v; log:\n%s", what, r.server.Stats(), r.log)
		}
	}
}
