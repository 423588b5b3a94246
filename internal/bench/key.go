package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/creack/pty"
)

// keySizes are the tables in which keys are pressed, with the bound of each.
var keySizes = []struct {
	name    string
	flows   int
	table   int
	boundMS float64
}{
	{"100,000 flows", 100_000, middleTable, 50},
	{manyFlows, largeFlows, largeTable, 150},
}

func keyName(size string) string { return "from a key to the frame that shows it, " + size }

// stroke is a key, and a text that is on the screen once it was taken, and only then.
type stroke struct{ key, shows string }

// strokes go round the pages, and end where they began.
var strokes = []stroke{
	{"2", "[2 Events]"},
	{"4", "[4 Overview]"},
	{"3", "[3 Talkers]"},
	{"1", "[1 Flows]"},
	{"?", "flows to the same service"},
	{"\x1b", "ORIGIN"},
	{"s", "sort by"},
	{"\r", " filter"},
}

// keyPresses measures how long the program takes from a key to the frame that shows it: the
// real one, in a terminal, with a tracker whose table is full of flows.
func keyPresses(ctx context.Context, o Options) ([]Row, error) {
	var rows []Row
	for _, size := range keySizes {
		row := Row{Name: keyName(size.name), Unit: "ms"}
		var err error
		if row.Samples, err = pressKeys(ctx, size.flows, size.table, o.rounds(12, 3)); err != nil {
			return nil, err
		}
		for i := range row.Samples {
			row.Samples[i] /= float64(time.Millisecond)
		}
		row.summarise()
		row.Note = fmt.Sprintf("at most %g ms", size.boundMS)
		rows = append(rows, row)
	}
	return rows, nil
}

func pressKeys(ctx context.Context, flows, table, rounds int) (samples []float64, err error) {
	r, err := newRig(ctx, 1, byNative, table)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.fill(dataFrame(), flows); err != nil {
		return nil, err
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp("", "ctop-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()
	s, err := startScreen(exec.CommandContext(ctx, filepath.Join(here, ctopBinary), r.Client.Port(), r.Server.Port()), home)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if _, err := s.wait(0, " / ", time.Minute); err != nil {
		return nil, err
	}
	for range rounds {
		for _, k := range strokes {
			took, err := s.press(k)
			if err != nil {
				return nil, err
			}
			samples = append(samples, float64(took))
			time.Sleep(170 * time.Millisecond) // at any time between two looks at the table
		}
	}
	return samples, nil
}

// screen is a program in a terminal, with all that it wrote.
type screen struct {
	file *os.File
	cmd  *exec.Cmd

	mu   sync.Mutex
	text bytes.Buffer
	more *sync.Cond
	over bool
}

func startScreen(cmd *exec.Cmd, home string) (*screen, error) {
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "HOME="+home, "XDG_STATE_HOME="+home, "XDG_CONFIG_HOME="+home, "LC_ALL=C.UTF-8")
	file, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 200})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd, err)
	}
	s := &screen{file: file, cmd: cmd}
	s.more = sync.NewCond(&s.mu)
	go s.read()
	return s, nil
}

func (s *screen) read() {
	var part [64 << 10]byte
	for {
		n, err := s.file.Read(part[:])
		s.mu.Lock()
		s.text.Write(part[:n])
		s.over = err != nil
		s.more.Broadcast()
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// wait waits until the program has written a text after a position.
func (s *screen) wait(after int, text string, limit time.Duration) (at time.Time, err error) {
	late := false
	timer := time.AfterFunc(limit, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		late = true
		s.more.Broadcast()
	})
	defer timer.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !strings.Contains(string(s.text.Bytes()[after:]), text) {
		if late || s.over {
			return at, fmt.Errorf("the console did not show %q within %s: %q", text, limit, s.text.Bytes()[after:])
		}
		s.more.Wait()
	}
	return time.Now(), nil
}

// press presses a key, and returns how long it took until the screen showed it.
func (s *screen) press(k stroke) (time.Duration, error) {
	s.mu.Lock()
	after := s.text.Len()
	s.mu.Unlock()
	began := time.Now()
	if _, err := s.file.WriteString(k.key); err != nil {
		return 0, err
	}
	at, err := s.wait(after, k.shows, 30*time.Second)
	return at.Sub(began), err
}

// close quits the console.
func (s *screen) close() {
	_, _ = s.file.WriteString("\x03")
	_ = s.cmd.Wait() // its status says nothing about the figures
	_ = s.file.Close()
}
