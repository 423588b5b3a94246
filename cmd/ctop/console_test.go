package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"ctop/internal/recording"
)

// TestInteractive has a terminal for both, for one, and for none.
func TestInteractive(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = master.Close(), slave.Close() }()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, tt := range []struct {
		stdin, stdout *os.File
		want          bool
	}{{slave, slave, true}, {slave, file, false}, {file, slave, false}, {file, file, false}} {
		for _, term := range []string{"xterm", "dumb"} {
			e := env{stdin: tt.stdin, stdout: tt.stdout, getenv: func(string) string { return term }}
			drawn, lines := tt.want && term != "dumb", tt.want && term == "dumb"
			if e.interactive() != drawn || e.printsLines() != lines {
				t.Errorf("from %s to %s on %s: %t, lines %t", tt.stdin.Name(), tt.stdout.Name(), term, e.interactive(), e.printsLines())
			}
		}
	}
}

// forgets is what this program does where it is called so: it shows a console that
// saves no settings, as a demo does.
func forgets() {
	e := env{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}
	source := new(recording.Player)
	err := func() error {
		file, err := os.Open("recording.ctop")
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		r, err := recording.NewReader(file)
		if err != nil {
			return err
		}
		if err := source.Play(context.Background(), r, recording.PlayOptions{}); err != nil {
			return err
		}
		return e.runProgram(source, nil, consoleFlags{forget: true})
	}()
	os.Exit(report(os.Stderr, err))
}

// TestSettingsAreSaved has a console that saves what the operator chose, and one that
// does not.
func TestSettingsAreSaved(t *testing.T) {
	for name, saves := range map[string]bool{"ctop replay recording.ctop": true, "forgets": false} {
		x := inTerminal(t, 80, 24, name+"; echo status $?")
		n := x.expect(0, `10\.11\.12\.13`)
		x.send("r")
		n = x.expect(n, `→ B/s ▼`) // a message may be gone before it is drawn
		x.send("q")
		x.expect(n, `(?s)\x1b\[J[^t]*`+leaves+`.*status 0\r\n`) // the screen is empty before
		text, err := os.ReadFile(filepath.Join(x.dir, "state", "ctop", "console.json"))
		if saved := strings.Contains(string(text), `"bytes"`); saved != saves || saves != (err == nil) {
			t.Errorf("%s saved %q, %v", name, text, err)
		}
	}
}

// TestForgetBeginsAfresh: a demo looks as it does at first, whatever was saved.
func TestForgetBeginsAfresh(t *testing.T) {
	x := inTerminal(t, 80, 24, "")
	n := x.expect(0, `ready> $`)
	if err := os.MkdirAll(filepath.Join(x.dir, "state", "ctop"), 0o700); err != nil {
		t.Fatal(err)
	}
	saved := `{"sort":"age:asc","rates":"packets","columns":["state","id"],"group":"port"}`
	if err := os.WriteFile(filepath.Join(x.dir, "state", "ctop", "console.json"), []byte(saved), 0o600); err != nil {
		t.Fatal(err)
	}
	x.send("ctop replay recording.ctop\n")
	n = x.expect(n, `rates in packets`)
	x.send("q")
	n = x.expect(n, `(?s)`+leaves+`.*ready> $`)
	x.send("forgets\n")
	n = x.expect(n, `→ b/s ▼`)
	x.send("q")
	x.expect(n, `(?s)`+leaves+`.*ready> $`)
}

// recordHour writes hour.ctop: another host has all flows an hour later.
func (x *terminal) recordHour() {
	x.t.Helper()
	begin := time.Now()
	x.write("hour.ctop", snapshotOf(begin, "10.11.12.13", 3), snapshotOf(begin.Add(time.Hour), "10.11.12.99", 3))
}

// TestSpeed plays a recording of an hour as fast as it went, and at once.
func TestSpeed(t *testing.T) {
	for flags, shown := range map[string]string{"--speed 1": `10\.11\.12\.13`, "": `10\.11\.12\.99`} {
		x := inTerminal(t, 80, 24, "")
		n := x.expect(0, `ready> $`)
		x.recordHour()
		x.send("ctop replay --theme dark " + flags + " hour.ctop\n")
		n = x.expect(n, shown)
		x.send("q")
		x.expect(n, `(?s)`+leaves+`.*ready> $`)
	}
}
