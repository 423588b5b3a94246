// Command ctop shows the connections that pass between two network interfaces,
// live in a terminal or as data for scripts. It tracks them in the kernel.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// env is all that the program gets from outside.
type env struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	// terminal says that somebody sits at stdin, although it is no file.
	terminal bool
}

func main() {
	os.Exit(status())
}

func status() int {
	ctx, stop := untilSignal(context.Background())
	defer stop()
	return execute(ctx, env{
		args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv,
	})
}

// execute executes one command line, says what went wrong, and returns the exit
// status. Nothing on stderr steers a terminal.
func execute(ctx context.Context, e env) int {
	e.stderr = cleaned{e.stderr}
	return report(e.stderr, run(ctx, e))
}

// run executes one command line. What it returns decides the exit status.
func run(ctx context.Context, e env) error {
	command := newRootCommand(e)
	command.SetArgs(e.args)
	return command.ExecuteContext(ctx)
}

// untilSignal returns a context that ends with the first signal that asks the
// program to end. Further ones change nothing: to detach takes a moment, and
// must not be cut short.
func untilSignal(parent context.Context) (context.Context, context.CancelFunc) {
	// A broken pipe is an error to be returned, not a reason to die attached.
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE)
	signals := []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGQUIT}
	if !signal.Ignored(unix.SIGHUP) { // as it is under nohup
		signals = append(signals, unix.SIGHUP)
	}
	return signal.NotifyContext(parent, signals...)
}
