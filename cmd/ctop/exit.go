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

// usageError is an error that another command line would avoid.
type usageError struct{ error }

// Unwrap returns the error itself.
func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// exitError ends the program with a status and without a word: whoever set the
// status has said it all.
type exitError int

// Error is there to make an error of it. Nobody gets to read it.
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
	// Where stderr is gone as well there is nobody left to tell.
	_, _ = fmt.Fprintln(w, "ctop: "+format.Clean(explain(err)))
	if isUsage(err) {
		return exitUsage
	}
	return exitFailed
}

func isUsage(err error) bool {
	var usage usageError
	return errors.As(err, &usage) || errors.Is(err, flow.ErrUsage)
}

// explain returns an error on one line, without the words that only tell its
// kind, which the exit status does.
func explain(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted before it began"
	}
	text := strings.ReplaceAll(err.Error(), flow.ErrUsage.Error()+": ", "")
	text = strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ")
	if errors.Is(err, fs.ErrPermission) && !errors.Is(err, tracker.ErrPermission) && !strings.Contains(text, "as root") {
		text += ": run ctop as root, as in sudo ctop"
	}
	return text
}
