package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"ctop/internal/format"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// The exit status of the program.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usagef returns an error that another command line would avoid.
func usagef(format string, args ...any) error { return flow.Usagef(format, args...) }

// exitError ends the program with a status and without a message, which was printed
// already.
type exitError int

// Error implements error. Nobody reads it.
func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// report prints one line about an error and returns the exit status.
func report(w io.Writer, err error) int {
	var exit exitError
	switch {
	case err == nil, errors.Is(err, unix.EPIPE):
		return exitDone
	case errors.As(err, &exit):
		return int(exit)
	}
	// If stderr is gone, nobody is left to be told.
	_, _ = fmt.Fprintln(w, "ctop: "+format.Clean(explain(err)))
	if isUsage(err) {
		return exitUsage
	}
	return exitFailed
}

func isUsage(err error) bool {
	var usage *flow.UsageError
	return errors.As(err, &usage)
}

// explain returns an error on one line, with what to do if a privilege is missing.
func explain(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted before it began"
	}
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	if lacksAdvice(err) {
		text += ": run ctop as root, as in sudo ctop"
	}
	return text
}

// lacksAdvice reports whether a privilege is missing, and no error says what to do
// about it.
func lacksAdvice(err error) bool {
	var advised *flow.AdvisedError
	return errors.Is(err, fs.ErrPermission) && !errors.Is(err, tracker.ErrPermission) && !errors.As(err, &advised)
}
