package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/filter"
	"ctop/internal/lab"
	"ctop/internal/pcapng"
	"ctop/tracker"
	"ctop/ui"
)

// A console captures one filter at a time into a new file, whose packets are there when it
// ends, and then the next one.
func TestConsoleCaptures(t *testing.T) {
	lab.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*waitTimeout)
	defer cancel()
	l, err := lab.New(ctx, lab.Options{})
	must(t, err)
	defer func() { must(t, l.Close()) }()
	tr, err := tracker.Open(ctx, tracker.Options{Interfaces: []string{l.Client.Port(), l.Server.Port()}})
	must(t, err)
	defer func() { must(t, tr.Close()) }()
	dir := t.TempDir()
	c := newCapturing(tr, func() (string, error) { return dir, nil })
	if s := c.State(); s != (ui.Capture{}) {
		t.Errorf("before the first one: %+v", s)
	}
	for text, want := range map[string]error{"~client": errCaptureNames, "reason:rst": errCaptureEnded} {
		if _, err := c.Begin(parsed(t, text), nil); !errors.Is(err, want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := c.Begin(parsed(t, "if:nosuch0"), nil); err == nil || !strings.HasPrefix(err.Error(), "capture: ") {
		t.Errorf("an interface that it does not have: %v", err)
	}
	for n := 1; n <= 2; n++ {
		told := make(chan ui.Capture, 1)
		begun, err := c.Begin(parsed(t, "proto:icmp"), func(last ui.Capture) { told <- last })
		must(t, err)
		if begun.Number != n || !begun.Running || begun.Filter != "proto:icmp" || filepath.Dir(begun.Path) != dir {
			t.Errorf("it begins as %+v", begun)
		}
		now := c.State()
		now.Size, now.Text = begun.Size, begun.Text // it is being written
		if now != begun {
			t.Errorf("it begins as %+v, and is %+v", begun, now)
		}
		if _, err := c.Begin(parsed(t, "proto:udp"), nil); !errors.Is(err, errCapturing) {
			t.Errorf("a second one: %v", err)
		}
		must(t, lab.WaitPing(ctx, l.Client, l.Server.Addr4()))
		for text := ""; text == "" || text == "captured 0 packets"; text = c.State().Text {
			must(t, ctx.Err())
			time.Sleep(10 * time.Millisecond)
		}
		last := c.End()
		info, err := os.Stat(last.Path)
		must(t, err)
		if last.Running || last.Err != nil || last.Size != info.Size() || last.Path != begun.Path || last != <-told || last != c.End() {
			t.Errorf("it ends as %+v, %d bytes", last, info.Size())
		}
		if info.Mode().Perm() != 0o600 || !strings.HasPrefix(last.Text, "captured ") {
			t.Errorf("%s, %s", info.Mode(), last.Text)
		}
		if data, err := os.ReadFile(last.Path); err != nil || !strings.Contains(string(data), "verdict=new") || strings.Contains(string(data), "state=SYN_SENT") {
			t.Errorf("the file: %v", err)
		}
	}
	nowhere := newCapturing(tr, func() (string, error) { return "", os.ErrPermission })
	missing := newCapturing(tr, func() (string, error) { return filepath.Join(dir, "none"), nil })
	for _, c := range []*capturing{nowhere, missing} {
		if s, err := c.Begin(parsed(t, "udp"), nil); err == nil || s != (ui.Capture{}) || c.State() != s {
			t.Errorf("without a place: %+v, %v", s, err)
		}
		if last := c.End(); last != (ui.Capture{}) {
			t.Errorf("without a place it ends as %+v", last)
		}
	}
}

func parsed(t *testing.T, text string) filter.Filter {
	t.Helper()
	f, err := filter.Parse(text)
	must(t, err)
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Why a capture has ended is said in words that tell what to do.
func TestEndOfCapture(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, "<nil>"},
		{broken, "broken"},
		{fmt.Errorf("write: %w", pcapng.ErrLimit), "its file has 1.1 GB, the most that a console's may have"},
		{fmt.Errorf("write: %w", pcapng.ErrSpare), errCaptureSpares.Error()},
		{&os.PathError{Op: "write", Path: "x", Err: unix.EIO}, "input/output error"},
	} {
		if got := fmt.Sprint(endOf(c.err)); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
	if err := needsPerf(broken); !errors.Is(err, broken) || err.Error() != "broken" {
		t.Error(err)
	}
	if err := needsPerf(unix.EPERM); !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "perf_event_open") {
		t.Error(err)
	}
}

// Sizes of files are those of tcpdump.
func TestFileSize(t *testing.T) {
	for text, want := range map[string]int64{"1": 1e6, "100": 1e8, "1k": 1 << 10, "512k": 512 << 10, "3m": 3 << 20, "2G": 2 << 30, "1M": 1 << 20} {
		var s fileSize
		if err := s.Set(text); err != nil || int64(s) != want {
			t.Errorf("%s is %d, %v", text, s, err)
		}
		var again fileSize
		if err := again.Set(s.String()); err != nil || again != s {
			t.Errorf("%s is written %s", text, &s)
		}
	}
	for _, text := range []string{"", "0", "-1", "k", "x", "1t", "1.5m", "99999999999"} {
		if s := new(fileSize); s.Set(text) == nil || s.String() != "0" {
			t.Errorf("%q is %s", text, s)
		}
	}
}

// Flags of a capture that do not go together are refused.
func TestCaptureFlags(t *testing.T) {
	good := captureCommand{file: "f", rate: 1, snap: 96}
	for name, c := range map[string]struct {
		change func(*captureCommand)
		want   string
		snap   int
	}{
		"plain":             {func(*captureCommand) {}, "", 96},
		"no file":           {func(c *captureCommand) { c.file = "" }, "name a file", 0},
		"all of a packet":   {func(c *captureCommand) { c.snap = 0 }, "", tracker.MaxSnap},
		"too much of it":    {func(c *captureCommand) { c.snap = tracker.MaxSnap + 1 }, "", tracker.MaxSnap},
		"the most":          {func(c *captureCommand) { c.snap = tracker.MaxSnap }, "", tracker.MaxSnap},
		"one byte":          {func(c *captureCommand) { c.snap = 1 }, "", 1},
		"less than nothing": {func(c *captureCommand) { c.snap = -1 }, "-s:", 0},
		"none in a second":  {func(c *captureCommand) { c.rate = 0 }, "--rate:", 0},
		"files of no size":  {func(c *captureCommand) { c.files = 1 }, "-W:", 0},
		"fewer than none":   {func(c *captureCommand) { c.files, c.size = -1, 1e6 }, "-W:", 0},
		"files with a size": {func(c *captureCommand) { c.files, c.size = 1, 1e6 }, "", 96},
		"stdout in parts":   {func(c *captureCommand) { c.file, c.size = "-", 1e6 }, "-C: stdout", 0},
		"stdout":            {func(c *captureCommand) { c.file = "-" }, "", 96},
		"the smallest":      {func(c *captureCommand) { c.size = pcapng.SmallestLimit }, "", 96},
		"too small":         {func(c *captureCommand) { c.size = pcapng.SmallestLimit - 1 }, "-C: ", 0},
	} {
		tried := good
		c.change(&tried)
		err := tried.check()
		if c.want == "" && (err != nil || tried.snap != c.snap) || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%s: %v, %d bytes", name, err, tried.snap)
		}
	}
}
