package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/internal/packets"
	"ctop/internal/pcapng"
	"ctop/tracker"
	"ctop/ui"
)

const (
	// mostCaptured is the most bytes of a file of a console's capture: one may be
	// forgotten.
	mostCaptured = 1 << 30
	// spared is how many bytes it leaves free on the disk.
	spared = 256 << 20
)

var (
	errCapturing     = errors.New("capture: one runs already: w ends it")
	errCaptureNames  = errors.New("capture: a filter by name is for the screen only: use addresses")
	errCaptureEnded  = errors.New("capture: flows that have ended have no packets: filter for others")
	errCaptureSpares = fmt.Errorf("it leaves %s free on the disk: make room, or name another place to ctop capture -w", format.TotalBytes(spared))
)

// capturing is the captures of one console. It implements [ui.Capturer].
type capturing struct {
	tracker *tracker.Tracker
	// place returns the directory for files.
	place func() (string, error)
	host  string

	mu    sync.Mutex
	state ui.Capture
	stop  context.CancelFunc
	done  chan struct{}
}

// newCapturing returns the captures of a console, whose files are made in a place of
// this machine.
func newCapturing(t *tracker.Tracker, place func() (string, error)) *capturing {
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	return &capturing{tracker: t, place: place, host: host}
}

// here is where a local console makes its files: where its other files are made, too.
func here() (string, error) { return os.Getwd() }

// State implements [ui.Capturer].
func (c *capturing) State() ui.Capture {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Begin implements [ui.Capturer].
func (c *capturing) Begin(f filter.Filter, ended func(ui.Capture)) (ui.Capture, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Running {
		return ui.Capture{}, errCapturing
	}
	if err := c.check(f); err != nil {
		return ui.Capture{}, err
	}
	file, err := c.create()
	if err != nil {
		return ui.Capture{}, err
	}
	w, err := packets.NewWriter(c.tracker, file, packets.Options{
		Filter: f, Snap: defaultSnap, Rate: defaultCaptureRate, Limit: mostCaptured,
		Application: strings.TrimSpace(versionText()), OS: runtime.GOOS,
	})
	if err != nil {
		return ui.Capture{}, errors.Join(captureFailed(file.Name(), needsPerf(err)), file.Remove())
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop, c.done = stop, make(chan struct{})
	c.state = ui.Capture{Number: c.state.Number + 1, Running: true, Filter: f.String(), Host: c.host, Path: file.Name()}
	w.Progress(c.progress)
	go c.run(ctx, w, file, ended)
	return c.state, nil
}

// needsPerf says what to do where a unit does not permit buffers for packets.
func needsPerf(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w: a unit needs SystemCallFilter=perf_event_open for it, in a drop-in (systemctl edit)", err)
	}
	return err
}

// check refuses filters that mean nothing for packets.
func (c *capturing) check(f filter.Filter) error {
	switch {
	case f.UsesNames():
		return errCaptureNames
	case f.WantsEnded():
		return errCaptureEnded
	}
	s, err := c.tracker.Status()
	if err == nil {
		err = f.Check(s)
	}
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	return nil
}

// create makes a new file. Nothing that is there is written to.
func (c *capturing) create() (*pcapng.SparingFile, error) {
	dir, err := c.place()
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	base := filepath.Join(dir, "ctop-"+time.Now().UTC().Format("20060102T150405.000Z"))
	file, err := newNumbered(base, ".pcapng", func(name string) (*pcapng.SparingFile, error) {
		return pcapng.NewSparingFile(name, spared)
	})
	if errors.Is(err, pcapng.ErrSpare) {
		err = errCaptureSpares
	}
	if err != nil {
		return nil, captureFailed(base+".pcapng", err)
	}
	return file, nil
}

func (c *capturing) progress(r packets.Result, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.Size, c.state.Text = size, r.String()
}

// run writes packets until the capture is stopped or cannot go on.
func (c *capturing) run(ctx context.Context, w *packets.Writer, file *pcapng.SparingFile, ended func(ui.Capture)) {
	defer close(c.done)
	defer c.stop()
	result, err := w.Run(ctx)
	size := int64(0)
	if info, failed := file.Stat(); failed == nil {
		size = info.Size()
	}
	if failed := file.Close(); err == nil {
		err = failed
	}
	c.mu.Lock()
	c.state.Running, c.state.Size = false, size
	c.state.Text, c.state.Err = result.String(), endOf(err)
	last := c.state
	c.mu.Unlock()
	if ended != nil {
		ended(last)
	}
}

// endOf says why a capture has ended by itself.
func endOf(err error) error {
	var path *os.PathError
	switch {
	case errors.Is(err, pcapng.ErrLimit):
		return fmt.Errorf("its file has %s, the most that a console's may have", format.TotalBytes(mostCaptured))
	case errors.Is(err, pcapng.ErrSpare):
		return errCaptureSpares
	case errors.As(err, &path):
		return path.Err
	}
	return err
}

// End implements [ui.Capturer].
func (c *capturing) End() ui.Capture {
	c.mu.Lock()
	stop, done := c.stop, c.done
	c.mu.Unlock()
	if done != nil {
		stop()
		<-done
	}
	return c.State()
}
