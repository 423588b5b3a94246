package console

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ctop/internal/filter"
	"ctop/ui"
)

// copier is a capturer that captures nothing.
type copier struct {
	mu    sync.Mutex
	state ui.Capture
	ended func(ui.Capture)
	err   error
}

func (c *copier) Begin(f filter.Filter, ended func(ui.Capture)) (ui.Capture, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return ui.Capture{}, c.err
	}
	c.state = ui.Capture{Number: c.state.Number + 1, Running: true, Filter: f.String(), Host: "edge-1", Path: "/captures/1.pcapng"}
	c.ended = ended
	return c.state, nil
}

func (c *copier) End() ui.Capture { return c.end(nil) }

func (c *copier) end(err error) ui.Capture {
	c.mu.Lock()
	ran := c.state.Running
	c.state.Running, c.state.Text, c.state.Err = false, "captured 7 packets", err
	last := c.state
	c.mu.Unlock()
	if ran {
		c.ended(last)
	}
	return last
}

func (c *copier) State() ui.Capture {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// lines returns the audit log, each line in short.
func (r *rig) lines() (list []string) {
	for _, a := range r.acts() {
		list = append(list, fmt.Sprint(a.Role, " ", a.Comment, " ", a.Act, " ", strings.Join(a.What, ","), " ", a.Count, " ", a.Done, " ", a.Error))
	}
	return list
}

func (r *rig) written(n int) {
	r.t.Helper()
	r.eventually(fmt.Sprintf("%d lines are written down", n), func() bool { return len(r.acts()) == n })
}

// An operator's capture is written down from its beginning to its end: by the key, by
// itself, and with the session.
func TestCaptureOverSSH(t *testing.T) {
	r := newRig(t, Limits{})
	all := make(chan *copier, 9)
	r.server.options.Capturer = func() ui.Capturer {
		c := &copier{}
		all <- c
		return c
	}
	s := r.open(r.ann, "xterm", 160, 24)
	r.shows(s, "operator")
	r.press(s, "w")
	r.shows(s, "capturing to edge-1:/captures/1.pcapng")
	r.press(s, "w")
	r.shows(s, "captured 7 packets to edge-1:/captures/1.pcapng")
	r.written(2)
	r.press(s, "w")
	r.written(3)
	first := <-all
	first.end(errors.New("no space left on device"))
	r.shows(s, "the capture ended: no space left on device")
	r.press(s, "w")
	r.written(5)
	r.press(s, "q")
	_ = r.end(s)
	if first.State().Running {
		t.Error("a capture outlives its console")
	}
	const what = "proto:tcp src:10.0.0.0 sport:40000 dst:192.168.1.10 dport:443 to edge-1:/captures/1.pcapng"
	begun := "operator ann@desk capture " + what + " 1 1 "
	ended := "operator ann@desk capture_end captured 7 packets to edge-1:/captures/1.pcapng 1 1 "
	want := []string{begun, ended, begun, ended + "no space left on device", begun, ended}
	if got := r.lines(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	// A connection that is lost ends it, too.
	s = r.open(r.ann, "xterm", 160, 24)
	r.shows(s, "operator")
	r.press(s, "w")
	r.written(7)
	second := <-all
	_ = s.client.Close()
	r.eventually("the capture ends", func() bool { return !second.State().Running })
	r.written(8)

	// A viewer has none, and that he tried is written down.
	v := r.open(r.vic, "xterm", 160, 24)
	r.shows(v, "viewer")
	r.press(v, "w")
	r.shows(v, "viewer: read only")
	r.written(9)
	if got, want := r.lines()[8], "viewer vic@desk capture tcp 10.0.0.0:40000 → 192.168.1.10:443 1 0 viewer: read only"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	r.press(v, "q")
	_ = r.end(v)
	if len(all) != 0 {
		t.Error("a viewer has a capturer")
	}
	r.serves()
}

// What cannot be written down is not captured.
func TestCaptureNeedsTheLog(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "audit.jsonl")
	audit, err := OpenAudit(log)
	if err != nil {
		t.Fatal(err)
	}
	defer audit.Close()
	l := NewLocal(&bench{}, audit, "ann", time.Now)
	from := &copier{}
	c := l.Captures(from)
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("elsewhere", log); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Begin(filter.Filter{}, nil); err == nil || !strings.Contains(err.Error(), "symbolic link") || from.state.Number != 0 {
		t.Errorf("%v, %+v", err, from.state)
	}
}

// The directory of captures is ctop's own, and nobody else can see what is in it.
func TestPrivateDirectory(t *testing.T) {
	top := t.TempDir()
	for _, c := range []struct {
		name, want string
		make       func(path string) error
	}{
		{"new", "", func(string) error { return nil }},
		{"deep/er", "", func(string) error { return nil }},
		{"kept", "", func(p string) error { return os.Mkdir(p, 0o700) }},
		{"open", "chmod 700", func(p string) error { return errors.Join(os.Mkdir(p, 0o700), os.Chmod(p, 0o755)) }},
		{"file", "not a directory", func(p string) error { return os.WriteFile(p, nil, 0o600) }},
		{"link", "not a directory", func(p string) error { return os.Symlink(top, p) }},
		{"shared/in", "chmod go-w", func(p string) error {
			return errors.Join(os.Mkdir(filepath.Dir(p), 0o700), os.Chmod(filepath.Dir(p), 0o777))
		}},
		{"others", "belongs to user 65534", func(p string) error { return errors.Join(os.Mkdir(p, 0o700), os.Chown(p, 65534, 65534)) }},
	} {
		if c.name == "others" && os.Geteuid() != 0 {
			continue
		}
		path := filepath.Join(top, c.name)
		if err := c.make(path); err != nil {
			t.Fatal(err)
		}
		err := PrivateDirectory(path)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if info, failed := os.Stat(path); err == nil && (failed != nil || info.Mode().Perm() != 0o700) {
			t.Errorf("%s: %v, %v", c.name, info, failed)
		}
	}
}
