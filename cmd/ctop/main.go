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

// env is everything that the program gets from outside.
type env struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	// terminal is set if somebody types on stdin, although it is not a file.
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

// execute runs a command line, prints its error, and returns the exit status. Nothing
// on stderr controls the terminal.
func execute(ctx context.Context, e env) int {
	e.stderr = cleaned{e.stderr}
	return report(e.stderr, run(ctx, e))
}

// run runs a command line. Its error decides the exit status.
func run(ctx context.Context, e env) error {
	command := newRootCommand(e)
	command.SetArgs(e.args)
	return command.ExecuteContext(ctx)
}

// untilSignal returns a context that ends with the first signal that asks the program
// to end. Further signals are ignored, because detaching takes a moment and must not
// be interrupted.
func untilSignal(parent context.Context) (context.Context, context.CancelFunc) {
	// A broken pipe is an error of the write and must not kill the process while it
	// is attached.
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE)
	signals := []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGQUIT}
	if !signal.Ignored(unix.SIGHUP) { // as it is under nohup
		signals = append(signals, unix.SIGHUP)
	}
	return signal.NotifyContext(parent, signals...)
}
