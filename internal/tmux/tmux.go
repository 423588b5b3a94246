package tmux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Options configure a terminal.
type Options struct {
	Width, Height int
	// Command is the program with its arguments. Env is added to the
	// environment of this process, as NAME=VALUE.
	Command, Env []string
	// Dir is the working directory, by default that of this process.
	Dir string
	// Term is the terminal type, by default screen-256color.
	Term string
}

// Terminal is a terminal with one program in it.
type Terminal struct {
	dir string
}

// look is the interval of reading a screen while waiting for text.
const look = 50 * time.Millisecond

// Start opens a terminal and runs the program.
func Start(ctx context.Context, o Options) (*Terminal, error) {
	dir, err := os.MkdirTemp("", "tmux")
	if err != nil {
		return nil, fmt.Errorf("start a terminal: %w", err)
	}
	t := &Terminal{dir: dir}
	if o.Term == "" {
		o.Term = "screen-256color"
	}
	// The program copies to tmux's own clipboard. Its last output stays on the
	// screen after its end.
	settings := "set -g status off\nset -s escape-time 0\nset -s set-clipboard on\n" +
		"set -g remain-on-exit on\nset -g default-terminal " + o.Term + "\n"
	if err := os.WriteFile(t.path("conf"), []byte(settings), 0o600); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	args := []string{"-f", t.path("conf"), "new-session", "-d", "-x", strconv.Itoa(o.Width), "-y", strconv.Itoa(o.Height)}
	if o.Dir != "" {
		args = append(args, "-c", o.Dir)
	}
	for _, e := range o.Env {
		args = append(args, "-e", e)
	}
	if _, err := t.run(ctx, append(append(args, "--"), o.Command...)...); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

func (t *Terminal) path(name string) string { return filepath.Join(t.dir, name) }

func (t *Terminal) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "tmux", append([]string{"-S", t.path("socket")}, args...)...)
	cmd.Env = append(os.Environ(), "TMUX=", "LC_ALL=C.UTF-8")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return "", fmt.Errorf("tmux %s: %w", args[0], err)
	}
	return string(out), nil
}

// Press presses keys, by tmux's names: q, Enter, Escape, Space, Up, PPage, C-c.
func (t *Terminal) Press(ctx context.Context, keys ...string) error {
	_, err := t.run(ctx, append([]string{"send-keys", "--"}, keys...)...)
	return err
}

// Type types a text.
func (t *Terminal) Type(ctx context.Context, text string) error {
	_, err := t.run(ctx, "send-keys", "-l", "--", text)
	return err
}

// Resize changes the terminal's size.
func (t *Terminal) Resize(ctx context.Context, width, height int) error {
	_, err := t.run(ctx, "resize-window", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height))
	return err
}

// Pid returns the process of the program.
func (t *Terminal) Pid(ctx context.Context) (int, error) {
	text, err := t.run(ctx, "display-message", "-p", "#{pane_pid}")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(text))
}

// Screen returns the screen, one line for each of its lines.
func (t *Terminal) Screen(ctx context.Context) (string, error) {
	return t.run(ctx, "capture-pane", "-p")
}

// Coloured is Screen with the escape sequences of its colours.
func (t *Terminal) Coloured(ctx context.Context) (string, error) {
	return t.run(ctx, "capture-pane", "-p", "-e", "-N")
}

// Clipboard returns the text that the program copied last.
func (t *Terminal) Clipboard(ctx context.Context) (string, error) {
	return t.run(ctx, "show-buffer")
}

// Ended reports whether the program has ended, and its exit status, or -1 after
// a signal. tmux may see the end of the output before the end of the program.
// It then has no status until another child of it ends.
func (t *Terminal) Ended(ctx context.Context) (status int, ended bool, err error) {
	const tries = 10
	for range tries {
		text, err := t.run(ctx, "display-message", "-p", "#{pane_dead} #{pane_dead_status}")
		if err != nil {
			return 0, false, err
		}
		dead, code, _ := strings.Cut(strings.TrimSpace(text), " ")
		if dead != "1" {
			return 0, false, nil
		}
		if status, err := strconv.Atoi(code); err == nil {
			return status, true, nil
		}
		if _, err := t.run(ctx, "run-shell", "true"); err != nil {
			return 0, false, err
		}
	}
	return -1, true, nil
}

// WaitFor waits until holds returns true for the screen, and returns the
// screen. ctx bounds the wait.
func (t *Terminal) WaitFor(ctx context.Context, holds func(screen string) bool) (string, error) {
	var screen string
	for {
		now, err := t.Screen(ctx)
		if err == nil {
			if screen = now; holds(screen) {
				return screen, nil
			}
		}
		select {
		case <-ctx.Done():
			return screen, fmt.Errorf("wait for the screen: %w", ctx.Err())
		case <-time.After(look):
		}
	}
}

// Close ends the program, if it still runs, and the terminal.
func (t *Terminal) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, _ = t.run(ctx, "kill-server") // it may never have come to be
	return os.RemoveAll(t.dir)
}
