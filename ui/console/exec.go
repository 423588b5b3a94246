package console

import (
	"context"
	"io"

	"charm.land/ssh"

	"ctop/tracker/flow"
	"ctop/ui"
)

// The exit status of what was refused, as everywhere in ctop.
const exitFailed = 1

// Command is a command that came over SSH.
type Command struct {
	// Args are the words of the command, at least one.
	Args []string
	// Role is what the operator may do.
	Role   Role
	Reader ui.Reader
	// Actor refuses the acts of viewers and writes those of operators to the audit
	// log.
	Actor flow.Actor
	// Stdin has the lines that are typed on the client's terminal. It is nil if the
	// client has none.
	Stdin io.Reader
	// Stdout and Stderr go to the client. Writes fail once it has gone.
	Stdout, Stderr io.Writer
	// End ends the session and tells the client why, even while a write waits for the
	// client.
	End func(why error)
}

// Exec runs a command and returns its exit status. It refuses commands that are not
// on its list with a sentence on Stderr. ctx is done when the client has gone or the
// server stops.
type Exec func(ctx context.Context, c Command) (status int)

func (x *session) execute(args []string) int {
	x.server.log.Info("a command", append(x.who.logged(), "command", shorten(args[0]))...)
	if x.isFleet(args) {
		return x.showFleet()
	}
	c := Command{
		Args: args, Role: x.who.key.Role, Reader: x.server.options.Source, Actor: x.actor(),
		Stdout: x.out, Stderr: x.errs, End: x.end,
	}
	if x.pty {
		c.Stdout, c.Stderr, c.Stdin = ssh.NewPtyWriter(c.Stdout), ssh.NewPtyWriter(c.Stderr), x.keyboard()
	}
	return x.server.options.Exec(x.ctx, c)
}

// keyboard returns the lines that are typed on the client's terminal. Ctrl-C ends the
// command, as it ends a local one.
func (x *session) keyboard() io.Reader {
	k := newKeyboard(x.out, func() { x.cancel(errGone) })
	x.work.Go(func() { k.listen(newInlet(x.ctx, x.ch, func() {})) })
	return k
}
