package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// errGone ends a session that the client closed.
var errGone = errors.New("the client has gone")

// session is one channel: a console or a command.
type session struct {
	server *Server
	client *client
	who    identity
	conn   *gossh.ServerConn
	ch     gossh.Channel
	out    *outlet
	errs   io.Writer

	ctx    context.Context //nolint:containedctx // a session is what it spans
	cancel context.CancelCauseFunc

	// console is set while the session shows a console.
	console atomic.Bool
	size    *size

	// What earlier requests said.
	terminal string
	pty      bool
	started  bool
	refused  map[string]bool
	work     sync.WaitGroup
	// closed is closed when the client has closed the channel.
	closed chan struct{}
}

// openSession serves one channel until the client or the server closes it.
func (s *Server) openSession(_ *ssh.Server, conn *gossh.ServerConn, newChannel gossh.NewChannel, ctx ssh.Context) {
	c, ok := ctx.Value(clientKey{}).(*client)
	if !ok {
		_ = newChannel.Reject(gossh.Prohibited, "ctop: not authenticated")
		return
	}
	who, ok := identify(conn, c.addr)
	if !ok {
		_ = newChannel.Reject(gossh.Prohibited, "ctop: not authenticated")
		return
	}
	x := &session{server: s, client: c, who: who, conn: conn, size: newSize(), refused: map[string]bool{}, closed: make(chan struct{})}
	x.ctx, x.cancel = context.WithCancelCause(ctx)
	defer x.cancel(errGone)
	if err := x.enter(); err != nil {
		s.counters.sessionsRefused.Add(1)
		_ = newChannel.Reject(gossh.ResourceShortage, "ctop: "+err.Error())
		return
	}
	defer x.leave()
	ch, requests, err := newChannel.Accept()
	if err != nil {
		return
	}
	x.ch = ch
	x.out = &outlet{w: ch, limit: s.options.Limits.Stall, cut: x.cutStalled}
	x.errs = &outlet{w: ch.Stderr(), limit: s.options.Limits.Stall, cut: x.cutStalled}
	x.serve(requests)
}

// enter adds the session to the roster. The key may have been removed since the
// connection authenticated.
func (x *session) enter() error {
	s := x.server
	if err := s.options.Keys.review(x.who.key, x.who.addr, s.clock()); err != nil {
		return err
	}
	if err := s.roster.enter(x); err != nil {
		return err
	}
	s.work.Add(1)
	s.counters.sessions.Add(1)
	x.client.opened()
	return nil
}

func (x *session) leave() {
	x.server.roster.leave(x)
	x.client.ended()
	x.server.work.Done()
}

// serve answers requests until the channel is closed, and waits for the command or
// the console.
func (x *session) serve(requests <-chan *gossh.Request) {
	noCommand := time.AfterFunc(x.server.options.Limits.Handshake, func() {
		x.end(errors.New("no command came"))
		_ = x.client.Close()
	})
	defer noCommand.Stop()
	for req := range requests {
		ok, run := x.request(req)
		_ = req.Reply(ok, nil)
		if run != nil {
			noCommand.Stop()
			x.start(run)
		}
	}
	close(x.closed)
	x.cancel(errGone)
	x.work.Wait()
}

// start runs a command or a console, and closes the channel with its exit status.
func (x *session) start(run func() int) {
	x.started = true
	x.work.Go(func() {
		stop := context.AfterFunc(x.ctx, x.closeLate)
		status := x.guard(run)
		if stop() {
			x.closeLate()
		}
		x.sayWhy()
		_, _ = x.ch.SendRequest("exit-status", false, gossh.Marshal(struct{ Status uint32 }{uint32(status)}))
		_ = x.ch.Close()
	})
}

// closeLate closes the connection of a client that does not close its side of an
// ended session.
func (x *session) closeLate() {
	if errors.Is(context.Cause(x.ctx), errStalled) {
		return // cutStalled does
	}
	time.AfterFunc(x.server.grace, func() {
		select {
		case <-x.closed:
		default:
			_ = x.client.Close()
		}
	})
}

// guard recovers from a panic of one session, so that the others go on.
func (x *session) guard(run func() int) (status int) {
	defer func() {
		if p := recover(); p != nil {
			x.server.log.Error("a session panicked: please report it", "panic", fmt.Sprint(p))
			status = 1
		}
	}()
	return run()
}

// end ends the session and tells the operator why.
func (x *session) end(why error) { x.cancel(why) }

// sayWhy tells the operator why the server ended the session.
func (x *session) sayWhy() {
	x.noteLoss()
	why := context.Cause(x.ctx)
	if why == nil || errors.Is(why, errGone) || errors.Is(why, context.Canceled) {
		return
	}
	if !errors.Is(why, errStalled) { // which was logged
		x.server.log.Info("ended a session", append(x.who.logged(), "why", why.Error())...)
	}
	x.say(why.Error())
}

// say writes a line to the operator.
func (x *session) say(text string) {
	_, _ = fmt.Fprintf(x.errs, "ctop: %s\r\n", format.Clean(text))
}

// noteLoss logs a connection that neither end closed.
func (x *session) noteLoss() {
	if err := x.client.lost(); err != nil {
		x.server.log.Info("lost a client", append(x.who.logged(), "error", err.Error())...)
	}
}

// cutStalled ends the session of a client that stopped reading. Data on its way has
// as much time again.
func (x *session) cutStalled() {
	x.client.countStall()
	x.server.log.Info("disconnected a client that read nothing", append(x.who.logged(), "for", x.server.options.Limits.Stall.String())...)
	x.end(errStalled)
	time.AfterFunc(x.server.options.Limits.Stall, func() { _ = x.client.Close() })
}

// actor carries out what the session's role permits, and refuses all other acts.
func (x *session) actor() flow.Actor {
	if x.who.key.Role != Operator {
		return x.refusing()
	}
	return x.auditing()
}

// auditing carries out acts and captures.
func (x *session) auditing() audited {
	s := x.server
	return audited{
		actor: s.options.Source, by: x.who.requester(), log: serverLog{s, x.who}, clock: s.clock,
		notify: func(text string) { s.roster.notify(x.who.key.Name() + " " + text) },
	}
}

func (x *session) refusing() refusing {
	s := x.server
	return refusing{
		by: x.who.requester(), log: serverLog{s, x.who}, lines: s.refusals.of(x.who.key.Fingerprint), clock: s.clock,
	}
}

// serverLog is the audit log of a session. It counts lines, and logs failures to
// write them.
type serverLog struct {
	server *Server
	who    identity
}

// Check implements auditLog.
func (l serverLog) Check() error {
	err := l.server.options.Audit.Check()
	if err != nil {
		l.server.log.Error("refused an action", "who", l.who.key.Name(), "error", err)
	}
	return err
}

// Write implements auditLog.
func (l serverLog) Write(e Entry) error {
	if err := l.server.options.Audit.Write(e); err != nil {
		l.server.log.Error("an action is missing from the audit log", "act", e, "error", err)
		return err
	}
	l.server.counters.acts.Add(1)
	return nil
}

// refuse refuses a kind of request, and tells the operator once why.
func (x *session) refuse(kind, why string) {
	x.server.counters.requestsRefused.Add(1)
	if x.refused[kind] {
		return
	}
	x.refused[kind] = true
	x.server.log.Info("refused a request", append(x.who.logged(), "request", shorten(format.Clean(kind)))...)
	if why != "" && !x.started {
		x.say(why)
	}
}

// refuseLate is [session.refuse] for a request that was accepted only to refuse it
// with a reason.
func (x *session) refuseLate(kind, why string) {
	x.server.counters.requestsRefused.Add(1)
	x.server.log.Info("refused a request", append(x.who.logged(), "request", kind)...)
	x.say(why)
}
