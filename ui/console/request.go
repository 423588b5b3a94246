package console

import (
	"strings"

	gossh "golang.org/x/crypto/ssh"
)

// maxCommand is the length limit of a command, in bytes.
const maxCommand = 8 << 10

// What clients are told when a request is refused.
const (
	noShell     = "there is no shell here: ssh -t opens the console; dump, events, delete, reset, timeouts, bundle and fleet work as commands"
	noSubsystem = "there are no subsystems here, hence no sftp and no scp: this is a console"
	noAgent     = "agent forwarding is refused: there is nothing here to use it"
	noX11       = "X11 forwarding is refused: there is nothing here to use it"
)

// request answers one request. If it is a command or a console, run runs it.
func (x *session) request(req *gossh.Request) (ok bool, run func() int) {
	switch req.Type {
	case "pty-req":
		return x.takePty(req.Payload), nil
	case "window-change":
		return x.takeWindow(req.Payload), nil
	case "shell":
		return x.takeShell()
	case "exec":
		return x.takeExec(req.Payload)
	case "subsystem":
		return x.sentence("subsystem", noSubsystem)
	case "signal":
		x.takeSignal(req.Payload)
		return true, nil
	case "env":
		x.refuseVariable(req.Payload)
	case "auth-agent-req@openssh.com":
		x.refuse("agent", noAgent)
	case "x11-req":
		x.refuse("x11", noX11)
	default:
		x.refuse("other", "")
	}
	return false, nil
}

// refuseVariable refuses an environment variable (RFC 4254 section 6.4). Many clients
// send their locale by default, so those variables are refused without a log line.
func (x *session) refuseVariable(payload []byte) {
	var variable struct{ Name, Value string }
	err := gossh.Unmarshal(payload, &variable)
	if err == nil && (variable.Name == "LANG" || variable.Name == "LANGUAGE" || strings.HasPrefix(variable.Name, "LC_")) {
		return
	}
	x.refuse("env", "")
}

// ptyRequest is RFC 4254 section 6.2.
type ptyRequest struct {
	Terminal                     string
	Columns, Rows, Width, Height uint32
	Modes                        string
}

func (x *session) takePty(payload []byte) bool {
	var p ptyRequest
	if x.started || x.pty || gossh.Unmarshal(payload, &p) != nil {
		return false
	}
	x.pty, x.terminal = true, terminalName(p.Terminal)
	x.size.set(p.Columns, p.Rows)
	return true
}

// windowChange is RFC 4254 section 6.7.
type windowChange struct{ Columns, Rows, Width, Height uint32 }

func (x *session) takeWindow(payload []byte) bool {
	var w windowChange
	if !x.pty || gossh.Unmarshal(payload, &w) != nil {
		return false
	}
	x.size.set(w.Columns, w.Rows)
	return true
}

func (x *session) takeShell() (bool, func() int) {
	if x.started {
		return false, nil
	}
	if !x.pty {
		return x.sentence("shell", noShell)
	}
	return true, x.show
}

func (x *session) takeExec(payload []byte) (bool, func() int) {
	var command struct{ Text string }
	if x.started || gossh.Unmarshal(payload, &command) != nil {
		return false, nil
	}
	if len(command.Text) > maxCommand {
		return x.sentence("exec", "the command is too long")
	}
	args, err := splitWords(command.Text)
	if err != nil {
		return x.sentence("exec", err.Error())
	}
	if len(args) == 0 {
		return x.sentence("exec", noShell)
	}
	return true, func() int { return x.execute(args) }
}

// takeSignal ends a command on a signal that would end a local one.
func (x *session) takeSignal(payload []byte) {
	var signal struct{ Name string }
	if gossh.Unmarshal(payload, &signal) != nil {
		return
	}
	switch signal.Name {
	case "INT", "TERM", "HUP":
		x.cancel(errGone)
	}
}

// sentence accepts a request in order to tell the client why it is refused: the
// protocol's own refusal has no room for a reason.
func (x *session) sentence(kind, why string) (bool, func() int) {
	if x.started {
		return false, nil
	}
	return true, func() int {
		x.refuseLate(kind, why)
		return exitFailed
	}
}
