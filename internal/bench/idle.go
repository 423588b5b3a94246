package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/tmux"
	"ctop/tracker"
)

const (
	idleFlows     = 60_000
	idleRow       = "a tracker of 60,000 idle flows, nobody looking"
	consoleMemory = "console at " + manyFlows + ", anonymous memory"
)

// idle measures what a tracker costs that nobody looks at: the processor time of this
// process, which does nothing else meanwhile.
func idle(ctx context.Context, o Options) ([]Row, error) {
	r, err := newRig(ctx, 1, byNative, middleTable)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.fill(dataFrame(), idleFlows); err != nil {
		return nil, err
	}
	collect, stop := context.WithCancel(ctx)
	defer stop()
	c := tracker.NewCollector(r.tracker, tracker.CollectorOptions{})
	done := make(chan error, 1)
	go func() { done <- c.Run(collect) }()
	// Snapshots are taken for some seconds after the last reader.
	for c.Status() == nil || c.Status().Flows != nil {
		select {
		case err := <-done:
			return nil, err
		case <-time.After(100 * time.Millisecond):
		}
	}
	span := 10 * time.Second
	rows, err := interleave(ctx, o.rounds(6, 1), []probe{{name: idleRow, unit: "% of a core", take: func(context.Context) (float64, error) {
		began, before := time.Now(), processTime()
		select {
		case err := <-done:
			return 0, err
		case <-time.After(span):
		}
		return 100 * float64(processTime()-before) / float64(time.Since(began)), nil
	}}})
	return rows, err
}

// processTime returns the processor time of this process so far.
func processTime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t) // never fails for this clock (clock_gettime(2))
	return time.Duration(t.Nano())
}

// consoleProbe measures the anonymous memory of a console that shows all flows of a
// rig, once it has shown them for some time.
func consoleProbe(r *rig) probe {
	return probe{name: consoleMemory, unit: "GB", take: func(ctx context.Context) (float64, error) {
		here, err := os.Getwd()
		if err != nil {
			return 0, err
		}
		term, err := tmux.Start(ctx, tmux.Options{
			Width: 200, Height: 50, Command: []string{filepath.Join(here, ctopBinary), r.Client.Port(), r.Server.Port()},
		})
		if err != nil {
			return 0, err
		}
		defer func() { _ = term.Close() }()
		pid, err := term.Pid(ctx)
		if err != nil {
			return 0, err
		}
		shown := func(screen string) bool { return strings.Contains(screen, "1,048,576 flows") }
		if _, err := term.WaitFor(ctx, shown); err != nil {
			return 0, err
		}
		var most int64
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			n, err := anonymous(pid)
			if err != nil {
				return 0, err
			}
			most = max(most, n)
		}
		return float64(most) / 1e9, nil
	}}
}

// anonymous returns the anonymous memory of a process (RssAnon of proc_pid_status(5)).
func anonymous(pid int) (bytes int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if n, err := fmt.Sscanf(line, "RssAnon: %d kB", &bytes); n == 1 && err == nil {
			return bytes * 1024, nil
		}
	}
	return 0, fmt.Errorf("read the memory of process %d: there is no RssAnon", pid)
}
