package main

import (
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"ctop/internal/recording"
	"ctop/tracker/flow"
)

// panicking is a source that works a few times.
type panicking struct {
	*recording.Player
	looks atomic.Int32
}

func (p *panicking) Snapshot() *flow.Snapshot {
	if p.looks.Add(1) > 3 {
		panic("by intention")
	}
	return p.Player.Snapshot()
}

// panics is what this program does where it is called so: it shows a console
// that panics, as ctop shows one.
func panics() {
	e := env{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}
	source := &panicking{Player: new(recording.Player)}
	os.Exit(report(os.Stderr, e.runProgram(source, nil, consoleFlags{forget: true})))
}

// A console that panics leaves the terminal as it was, and ends with status 1 and
// a line that says so.
func TestPanicInTerminal(t *testing.T) {
	x := inTerminal(t, 80, 24, strings.Replace(commandLine, "ctop replay --theme dark recording.ctop", "./panics", 1))
	x.expect(0, `(?s)`+enters+`.*`+leaves+`.*ctop: run the console: a bug in ctop.*status 1\r\n.*as it was\r\n`)
}
