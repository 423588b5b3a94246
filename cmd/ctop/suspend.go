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

// suspension stops the process for job control, by Ctrl-Z or by SIGTSTP, and restores
// the terminal meanwhile.
type suspension struct {
	wanted chan os.Signal
	quit   chan struct{}
}

func newSuspension() *suspension {
	return &suspension{wanted: make(chan os.Signal, 1), quit: make(chan struct{})}
}

// key removes Ctrl-Z from the keys of the console.
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

// serve suspends the program each time that it is asked to, until stopped.
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

// halt is the command that has the terminal while the process is stopped.
type halt struct{}

// Run returns when the process goes on. SIGTSTP cannot stop it, because Go cannot
// restore the default action of a signal. A stop takes effect when another thread
// runs, so Run waits for the signal to continue: otherwise it would take the terminal
// back before the shell has it.
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

// SetStdin does nothing.
func (halt) SetStdin(io.Reader) {}

// SetStdout does nothing.
func (halt) SetStdout(io.Writer) {}

// SetStderr does nothing.
func (halt) SetStderr(io.Writer) {}

// stoppable reports whether a shell would continue the process: a parent in the same
// session but another process group. Without one the group is orphaned (POSIX, 3.259)
// and would stay stopped.
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

// parent returns the parent of a process.
func parent(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "\nPPid:")
	line, _, _ := strings.Cut(rest, "\n")
	return strconv.Atoi(strings.TrimSpace(line))
}
