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

// Command is a headless command that came over SSH.
type Command struct {
	// Args are the command's words, at least one.
	Args []string
	// Role is what the operator may do.
	Role   Role
	Reader ui.Reader
	// Actor refuses by itself what a viewer may not do, and writes down what an
	// operator does.
	Actor flow.Actor
	// Stdout and Stderr go to the client. They fail once it has gone.
	Stdout, Stderr io.Writer
	// End ends the session for a reason that the client is told, also where a
	// write waits for a client that takes nothing.
	End func(why error)
}

// Exec runs a command and returns its exit status. It is an allow-list: what it
// does not know it refuses with a sentence on Stderr. ctx is done when the
// client has gone or the server stops.
type Exec func(ctx context.Context, c Command) (status int)

func (x *session) execute(args []string) int {
	x.server.log.Info("a command", append(x.who.logged(), "command", shorten(args[0]))...)
	var stdout, stderr io.Writer = x.out, x.errs
	if x.pty {
		stdout, stderr = ssh.NewPtyWriter(stdout), ssh.NewPtyWriter(stderr)
	}
	return x.server.options.Exec(x.ctx, Command{
		Args: args, Role: x.who.key.Role, Reader: x.server.options.Source, Actor: x.actor(), Stdout: stdout, Stderr: stderr,
		End: x.end,
	})
}
