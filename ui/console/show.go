package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"ctop/internal/format"
	"ctop/ui"
	"ctop/ui/theme"
)

const (
	// resizePause is the least time between two redraws for changes of size.
	resizePause = 50 * time.Millisecond
	// lookPause is the time between two reads of the source. Snapshots do not come
	// more often, and there may be many sessions.
	lookPause = time.Second
)

// show runs a console on the client's terminal.
func (x *session) show() int {
	s := x.server
	look := append(x.look(), ui.WithDoor(x.openFleet))
	if x.who.key.Role == Operator && s.options.Capturer != nil {
		captures := x.auditing().Captures(s.options.Capturer())
		defer captures.End()
		look = append(look, ui.WithCapturer(captures))
	}
	return x.showOf(s.options.Source, look)
}

// showOf runs a console of a reader.
func (x *session) showOf(reader ui.Reader, look []ui.Option) int {
	s := x.server
	x.console.Store(true)
	x.out.screen = true
	limitQueue(x.client.Conn, consoleQueue)
	defer x.console.Store(false)
	s.log.Info("a console opens", append(x.who.logged(), "terminal", x.terminal)...)
	s.roster.notify(x.who.key.Role.String() + " " + x.who.key.Name() + " opened a console")
	defer s.roster.notify(x.who.key.Role.String() + " " + x.who.key.Name() + " left")

	idle := time.AfterFunc(s.options.Limits.Idle, func() {
		x.end(fmt.Errorf("closed after %s without a key press", s.options.Limits.Idle))
	})
	defer idle.Stop()
	in := newInlet(x.ctx, x.ch, func() { idle.Reset(s.options.Limits.Idle) })
	painter := newPainter(x.out, x.answers, func() int { return queued(x.client.Conn) }, s.options.Limits, x.out.stall)
	p := tea.NewProgram(
		painted{ui.New(reader, append(look, ui.WithLink(painter.Every))...), painter},
		tea.WithInput(in), tea.WithOutput(x.out), tea.WithEnvironment(x.environ()),
		tea.WithoutRenderer(), tea.WithoutSignalHandler(),
	)
	over, stop := context.WithCancel(context.Background())
	var painting sync.WaitGroup
	painting.Go(func() { painter.run(over) })
	defer painting.Wait()
	defer stop()
	return x.run(p)
}

// answers asks the client for an answer, as sshd does to see whether one is alive, and
// waits for it. It reports false if the session ends.
func (x *session) answers() bool {
	_, err := x.ch.SendRequest("keepalive@openssh.com", true, nil)
	return err == nil
}

// run runs the program until the operator quits or the session ends.
func (x *session) run(p *tea.Program) int {
	over, stop := context.WithCancel(context.Background())
	defer stop()
	x.work.Go(func() { x.resize(over, p) })
	x.work.Go(func() {
		select {
		case <-over.Done():
			return
		case <-x.ctx.Done():
		}
		// A program that waits for a client that stopped reading does not see Quit.
		if errors.Is(context.Cause(x.ctx), errStalled) {
			p.Kill() // without another frame
		}
		kill := time.AfterFunc(x.server.grace, p.Kill)
		defer kill.Stop()
		p.Quit()
		<-over.Done()
	})
	_, err := p.Run()
	if x.ctx.Err() == nil && err != nil && !errors.Is(err, tea.ErrInterrupted) {
		x.server.log.Error("a console failed", append(x.who.logged(), "error", err)...)
		return exitFailed
	}
	if x.ctx.Err() != nil {
		return exitFailed
	}
	return 0
}

// resize passes on the latest size, with a pause between two changes.
func (x *session) resize(over context.Context, p *tea.Program) {
	p.Send(x.size.get())
	for {
		select {
		case <-over.Done():
			return
		case <-x.size.changed:
			p.Send(x.size.get())
		}
		select {
		case <-over.Done():
			return
		case <-time.After(resizePause):
		}
	}
}

// look returns the options of the console of this machine.
func (x *session) look() []ui.Option {
	options := append(x.terminalLook(),
		ui.WithActor(x.actor()), ui.WithRole(x.who.key.Role.String()), ui.WithExportElsewhere(x.exportCommand))
	if x.who.key.Role != Operator {
		options = append(options, ui.WithRefusal(x.refusing().attempt))
	}
	return append(options, x.server.options.Look...)
}

// terminalLook returns the options for the client's terminal.
func (x *session) terminalLook() []ui.Option {
	profile := theme.ProfileOf(x.terminal)
	renderer := lipgloss.NewRenderer(x.out, termenv.WithEnvironment(plain{}), termenv.WithProfile(profile))
	renderer.SetColorProfile(profile)
	// Nobody here could read the terminal's answer to the question.
	renderer.SetHasDarkBackground(true)
	options := []ui.Option{
		ui.WithRenderer(renderer), ui.WithSessions(x.server.roster), ui.WithInterval(lookPause),
	}
	if theme.Monochrome(x.terminal) {
		options = append(options, ui.WithNoColor())
	}
	if !theme.HasUnicode(x.terminal) {
		options = append(options, ui.WithASCII())
	}
	return options
}

// exportCommand returns the command, for the client's shell, that exports the flows or
// events that a filter shows. The shell removes the outer quotes, and [splitWords] the inner
// ones.
func (x *session) exportCommand(what, filter string) string {
	return exportCommand(x.conn.LocalAddr(), what, filter)
}

func exportCommand(server net.Addr, what, filter string) string {
	if what == ui.ExportEvents {
		return commandOver(server, "events -o jsonl", "events.jsonl", filter)
	}
	return commandOver(server, "dump -o json", "flows.json", filter)
}

// commandOver returns a command over SSH with a filter, whose output goes to a file.
func commandOver(server net.Addr, command, file, filter string) string {
	to := "ssh"
	if host, port, err := net.SplitHostPort(server.String()); err == nil {
		if port != "22" {
			to += " -p " + port
		}
		to += " " + host
	}
	if filter == "" {
		return to + " " + command + " >" + file
	}
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(filter)
	command += ` --filter "` + quoted + `"`
	return to + " " + format.ShellQuote(command) + " >" + file
}

// environ returns the environment of the client, as far as bubbletea needs it.
func (x *session) environ() []string { return []string{"TERM=" + x.terminal} }

// plain is an empty environment: the server's own is not the client's.
type plain struct{}

func (plain) Environ() []string { return nil }

func (plain) Getenv(string) string { return "" }
