package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"ctop/internal/format"
	"ctop/internal/recording"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// recordForm names the file that the command needs.
const recordForm form = "ctop record FILE"

// recordCommand records what a tracker sees in a file.
type recordCommand struct {
	env      env
	tracker  trackerFlags
	interval durationValue
	watch    durationValue
	names    trafficValue
	verbose  *bool
}

func newRecordCommand(e env, verbose *bool) *cobra.Command {
	c := &recordCommand{env: e, verbose: verbose, interval: durationValue(10 * time.Second)}
	cmd := &cobra.Command{
		Use:   "record [flags] FILE [IF1 [IF2]]",
		Short: "Record snapshots and events to a file, for ctop replay",
		Long: `Write every event, and a snapshot of all flows at each interval, to a new file
until interrupted. It reads a running tracker without disturbing it. If none runs,
it attaches one between the interfaces, or watches the one that is named, and
detaches it at the end. ctop replay shows the file on any machine, without privilege.

FILE must not exist yet; - is stdout. It records who talked to whom, so only its
owner may read it. The file is readable up to its last record, however ctop ends.`,
		Example: `  ctop record night.ctop
  ctop record --interval 1s --for 5m short.ctop eth0 eth1
  ctop replay night.ctop`,
		RunE: c.run,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Var(&c.interval, "interval", "time between two snapshots")
	flags.Var(&c.watch, "for", "how long to record, 0s until interrupted")
	c.names.register(flags)
	c.tracker.register(flags)
	return cmd
}

func (c *recordCommand) run(cmd *cobra.Command, args []string) (err error) {
	if len(args) == 0 {
		return usagef("name a file to write, as in ctop record night.ctop")
	}
	names, err := recordForm.placeOrNone(args[1:], c.tracker.watch)
	if err != nil {
		return err
	}
	if c.interval.duration() < shortestRepeat {
		return usagef("--interval: %s is too short: use %s or more", c.interval.duration(), shortestRepeat)
	}
	if args[0] == "-" {
		if err := checkPipe(c.env, cmd.Name()); err != nil {
			return err
		}
	}
	// Errors of the file come before the interfaces are touched.
	file, err := createFile(c.env, cmd.Name(), args[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.end()) }()
	ctx := cmd.Context()
	s := newSession(c.env, *c.verbose).askedBy(cmd)
	s.names = c.names.namesValue
	return s.with(s.joinOrOpen(ctx, recordForm, names, &c.tracker), func(t *tracker.Tracker) error {
		ctx, cancel := c.watch.bound(ctx)
		defer cancel()
		return c.record(ctx, t, file)
	})
}

// checkPipe refuses to write compressed data to a terminal.
func checkPipe(e env, command string) error {
	if isTerminal(e.stdout) {
		return usagef("%s: stdout is a terminal: name a file, or redirect it", command)
	}
	return e.checkStdout()
}

func (c *recordCommand) record(ctx context.Context, t *tracker.Tracker, file *newFile) error {
	file.begun = true
	w, err := recording.NewWriter(file)
	if err != nil {
		return file.failed(err)
	}
	r := recorder{writer: w, tracker: t}
	if err := r.run(ctx, c.interval.duration()); err != nil {
		return file.failed(err)
	}
	c.env.note("recorded %s and %s", format.Plural(r.snapshots, "snapshot"), format.Plural(r.events, "event"))
	return nil
}

// newFile is the destination of a recording or a bundle.
type newFile struct {
	io.Writer
	// command is what writes it.
	command, name string
	// file is nil if it is stdout.
	file *os.File
	// begun is set once something was written.
	begun bool
}

// createFile creates a file that only its owner may read. It must not exist; - is stdout.
func createFile(e env, command, name string) (*newFile, error) {
	if name == "-" {
		return &newFile{Writer: e.stdout, command: command, name: name}, nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%s %s: it already exists: name another file, or remove it", command, name)
	}
	file := &newFile{Writer: f, command: command, name: name, file: f}
	return file, file.failed(err)
}

// end closes the file, and removes it if nothing was written.
func (f *newFile) end() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	if !f.begun {
		err = errors.Join(err, os.Remove(f.name))
	}
	return f.failed(err)
}

// failed adds the file's name to an error, once.
func (f *newFile) failed(err error) error {
	var path *os.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &path):
		err = path.Err
	}
	return fmt.Errorf("%s %s: %w", f.command, f.name, err)
}

// snapshotWriter takes snapshots and events in the order of their times.
type snapshotWriter interface {
	Snapshot(s *flow.Snapshot) error
	Event(e *flow.Event) error
	Close() error
}

// recorder writes the snapshots and events of a tracker.
type recorder struct {
	writer            snapshotWriter
	tracker           *tracker.Tracker
	snapshots, events int
}

// run records until ctx is done, the tracker is gone or the file cannot be written.
func (r *recorder) run(ctx context.Context, interval time.Duration) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	there, stop := watched(ctx, r.tracker, interval)
	defer stop()
	sampler := tracker.NewSampler(r.tracker)
	events, failed := r.gather(ctx)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	defer func() { err = errors.Join(err, r.finish(sampler, err)) }()
	for {
		if err := errors.Join(there(), r.snapshot(sampler)); err != nil {
			return err
		}
		if done, err := r.until(ctx, tick.C, events, failed); done || err != nil {
			return err
		}
	}
}

// gather reads events. If they are written too slowly, the kernel drops and counts
// further ones.
func (r *recorder) gather(ctx context.Context) (<-chan flow.Event, <-chan error) {
	events, failed := make(chan flow.Event, 4096), make(chan error, 1)
	go func() {
		defer close(events)
		for e, err := range r.tracker.Events(ctx) {
			if err != nil {
				failed <- err
				return
			}
			select {
			case events <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	return events, failed
}

// until writes events until it is time for a snapshot or for the end.
func (r *recorder) until(ctx context.Context, tick <-chan time.Time, events <-chan flow.Event, failed <-chan error) (done bool, err error) {
	for {
		select {
		case <-ctx.Done():
			return true, nil
		case <-tick:
			return false, nil
		case e, ok := <-events:
			if !ok {
				if ctx.Err() != nil {
					return true, nil
				}
				return true, <-failed
			}
			r.events++
			if err := r.writer.Event(&e); err != nil {
				return true, err
			}
		}
	}
}

func (r *recorder) snapshot(sampler *tracker.Sampler) error {
	s, err := sampler.Snapshot()
	if err != nil {
		return err
	}
	r.snapshots++
	return r.writer.Snapshot(s)
}

// finish writes the last snapshot, unless an error has ended the recording.
func (r *recorder) finish(sampler *tracker.Sampler, failed error) error {
	if failed != nil {
		_ = r.writer.Close() // what there is can be read, if it can be written
		return nil
	}
	if err := r.snapshot(sampler); err != nil {
		return err
	}
	return r.writer.Close()
}
