package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"

	"ctop/internal/format"
	"ctop/ui"
)

// errStopping is the reason that sessions are told when the server stops.
var errStopping = errors.New("the server is stopping")

const (
	// lookInterval is the time between two checks of the keys file.
	lookInterval = time.Second
	// grace is how long a session may take to end.
	grace = 2 * time.Second
)

// Options are those of a server. All but Limits, Look and Clock are required.
type Options struct {
	// Source is what all sessions show and act on.
	Source  ui.Source
	Keys    *Keyring
	HostKey gossh.Signer
	Audit   *Audit
	Log     *slog.Logger
	// Exec runs commands.
	Exec Exec
	// Limits bound what clients can use.
	Limits Limits
	// Capturer returns the captures of one console. If it is nil, nobody can capture.
	Capturer func() ui.Capturer
	// OpenFleet opens the fleet for one console. If it is nil, nobody can open it.
	OpenFleet func(context.Context) (*Fleet, error)
	// Look has further options of every console of this machine.
	Look []ui.Option
	// Clock replaces the clock.
	Clock func() time.Time
}

// Server serves consoles.
type Server struct {
	options    Options
	clock      func() time.Time
	log        *slog.Logger
	ssh        *ssh.Server
	gate       *gate
	roster     *roster
	counters   counters
	failureLog thinned
	refusals   perKey
	// farewells limits the connections that are told why they are refused.
	farewells    chan struct{}
	lookInterval time.Duration
	grace        time.Duration

	mu      sync.Mutex
	clients map[*client]struct{}
	stopped bool
	work    sync.WaitGroup
}

// New returns a server, which does nothing until Serve is called.
func New(o Options) (*Server, error) {
	if o.Source == nil || o.Keys == nil || o.HostKey == nil || o.Audit == nil || o.Log == nil || o.Exec == nil {
		return nil, errors.New("serve the console: an option is missing")
	}
	o.Limits = o.Limits.withDefaults()
	if o.Clock == nil {
		o.Clock = time.Now
	}
	s := &Server{
		options: o, clock: o.Clock, log: o.Log,
		gate: newGate(o.Limits, o.Clock), roster: newRoster(o.Limits, o.Clock),
		farewells: make(chan struct{}, mostFarewells), lookInterval: lookInterval, grace: grace,
		clients: map[*client]struct{}{},
	}
	s.ssh = &ssh.Server{
		Version:                  "ctop",
		HostSigners:              []ssh.Signer{o.HostKey},
		HandshakeTimeout:         o.Limits.Handshake,
		ConnCallback:             s.admit,
		ServerConfigCallback:     s.config,
		ConnectionFailedCallback: s.noteFailure,
		ChannelHandlers:          map[string]ssh.ChannelHandler{"session": s.openSession, "default": s.refuseChannel},
		RequestHandlers:          map[string]ssh.RequestHandler{"default": s.refuseRequest},
	}
	return s, nil
}

// Serve serves the clients that connect to l until ctx is done, which is not an
// error. It closes l, and returns when every session has ended.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error
	served := make(chan struct{})
	go func() {
		defer close(served)
		failed = s.ssh.Serve(l)
	}()
	go s.watchKeys(ctx)
	var err error
	select {
	case <-ctx.Done():
	case <-served:
		err = fmt.Errorf("serve the console at %s: %w", l.Addr(), failed)
	}
	_ = l.Close() // it may be the reason
	s.stop()
	<-served
	return err
}

// stop ends every session with its reason, and then every connection.
func (s *Server) stop() {
	for _, x := range s.roster.close() {
		x.end(errStopping)
	}
	deadline := time.Now().Add(2 * s.grace)
	for len(s.roster.all()) > 0 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	for _, c := range s.closeRegister() {
		_ = c.Close()
	}
	_ = s.ssh.Close() // no reader of the error is left
	s.work.Wait()
}

// register remembers a connection, so that stop can close it.
func (s *Server) register(c *client) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.clients[c] = struct{}{}
	return true
}

func (s *Server) unregister(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
}

func (s *Server) closeRegister() []*client {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	list := make([]*client, 0, len(s.clients))
	for c := range s.clients {
		list = append(list, c)
	}
	return list
}

// watchKeys follows the keys file, and ends the sessions of keys that are no longer
// authorised.
func (s *Server) watchKeys(ctx context.Context) {
	tick := time.NewTicker(s.lookInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		changed, err := s.options.Keys.refresh()
		switch {
		case changed && err != nil:
			s.log.Error("the authorised keys were refused: nobody new can log in", "error", err)
		case changed:
			s.log.Info("read the authorised keys", "keys", s.options.Keys.Len())
		}
		s.reviewSessions()
	}
}

func (s *Server) reviewSessions() {
	for _, x := range s.roster.all() {
		if err := s.options.Keys.review(x.who.key, x.who.addr, s.clock()); err != nil {
			x.end(err)
		}
	}
}

// mostOfFailure limits the logged error of a refused connection, in bytes. The reason
// comes after the library's text and after text of the client.
const mostOfFailure = 400

// noteFailure logs a connection that did not authenticate. The error may contain text
// of the client.
func (s *Server) noteFailure(conn net.Conn, err error) {
	from, ok := conn.RemoteAddr().(remote)
	if !ok || from.client.wasDropped() || from.client.progress() == silent {
		return
	}
	omitted, ok := s.failureLog.next(s.clock())
	if !ok {
		return
	}
	s.log.Warn("a connection was refused",
		"address", from.client.addr.String(), "error", shortenTo(mostOfFailure, format.Clean(err.Error())), "omitted", omitted)
}

// refuseChannel refuses every channel but sessions, forwarding above all.
func (s *Server) refuseChannel(_ *ssh.Server, _ *gossh.ServerConn, ch gossh.NewChannel, _ ssh.Context) {
	s.counters.requestsRefused.Add(1)
	_ = ch.Reject(gossh.Prohibited, "ctop: this is a console: it forwards nothing and opens no other channels")
}

// refuseRequest refuses global requests. The protocol has no room for a reason here,
// so it goes to the log.
func (s *Server) refuseRequest(ctx ssh.Context, _ *ssh.Server, req *gossh.Request) (bool, []byte) {
	if req.Type == "keepalive@openssh.com" {
		return true, nil
	}
	s.counters.requestsRefused.Add(1)
	if c, ok := ctx.Value(clientKey{}).(*client); ok && c.firstRefusal() {
		s.log.Info("refused a request: the console does not forward",
			"address", c.addr.String(), "request", shorten(format.Clean(req.Type)))
	}
	return false, nil
}
