package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
	"golang.org/x/sys/unix"
)

// suspension stops the process as a shell's job control wants it, by Ctrl-Z or by
// SIGTSTP, with the terminal as it was found while it lasts.
type suspension struct {
	wanted chan os.Signal
	quit   chan struct{}
}

func newSuspension() *suspension {
	return &suspension{wanted: make(chan os.Signal, 1), quit: make(chan struct{})}
}

// key takes Ctrl-Z out of what the console gets to see.
func (s *suspension) key(_ tea.Model, msg tea.Msg) tea.Msg {
	if k, ok := msg.(tea.KeyMsg); !ok || k.Type != tea.KeyCtrlZ {
		return msg
	}
	select {
	case s.wanted <- unix.SIGTSTP:
	default:
	}
	return nil
}

// serve suspends the program each time that it is wanted, until stopped.
func (s *suspension) serve(program *tea.Program) {
	signal.Notify(s.wanted, unix.SIGTSTP)
	defer signal.Stop(s.wanted)
	for {
		select {
		case <-s.quit:
			return
		case <-s.wanted:
			if stoppable() {
				program.Send(tea.Exec(halt{}, nil)())
			}
		}
	}
}

func (s *suspension) stop() { close(s.quit) }

// halt is what the terminal is given away for.
type halt struct{}

// Run returns when the process goes on. It cannot be stopped by SIGTSTP: Go has
// no way back from having asked for a signal to not having done so. A stop takes
// hold when another thread comes to it, so that the terminal would be taken back
// before the shell has it, had the signal to go on not been waited for.
func (halt) Run() error {
	resumed := make(chan os.Signal, 1)
	signal.Notify(resumed, unix.SIGCONT)
	defer signal.Stop(resumed)
	if err := unix.Kill(0, unix.SIGSTOP); err != nil {
		return err
	}
	<-resumed
	return nil
}

// SetStdin has no meaning here, as the others.
func (halt) SetStdin(io.Reader) {}

// SetStdout has none.
func (halt) SetStdout(io.Writer) {}

// SetStderr has none.
func (halt) SetStderr(io.Writer) {}

// stoppable reports whether there is a shell that would let the process go on:
// a parent in the same session, outside of the process group. Without one the
// group is orphaned (POSIX, 3.259), and would have stopped for ever.
func stoppable() bool {
	session, err := unix.Getsid(0)
	if err != nil {
		return false
	}
	group := unix.Getpgrp()
	for pid, n := unix.Getppid(), 0; pid > 1 && n < 100; n++ {
		theirs, err := unix.Getsid(pid)
		if err != nil || theirs != session {
			return false
		}
		if other, err := unix.Getpgid(pid); err != nil || other != group {
			return err == nil
		}
		if pid, err = parent(pid); err != nil {
			return false
		}
	}
	return false
}

// parent returns the process that started another one.
func parent(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "\nPPid:")
	line, _, _ := strings.Cut(rest, "\n")
	return strconv.Atoi(strings.TrimSpace(line))
}
