package e2e

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ctop/internal/capture"
)

// begins presses the key in a console over SSH, and waits until its file has packets.
func (s *serving) begins(o *opened) (path string) {
	s.t.Helper()
	before := s.captures()
	s.eventually("the console shows a flow", func() bool {
		s.forwards() // the flow of an earlier ping may have expired
		return strings.Contains(o.output.String(), "icmp")
	})
	if _, err := io.WriteString(o.keys, "/icmp\rW"); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("a capture begins", func() bool { return len(s.captures()) > len(before) })
	path = slices.DeleteFunc(s.captures(), func(p string) bool { return slices.Contains(before, p) })[0]
	s.eventually("the capture has packets", func() bool {
		s.forwards()
		text, err := os.ReadFile(path)
		return err == nil && strings.Contains(string(text), "flow=")
	})
	return path
}

// captures returns the files of all captures, the oldest first.
func (s *serving) captures() []string {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(s.state, "ctop", "captures", "*"))
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

// checkWhole checks that only its owner can read a capture, and that it is whole.
func (s *serving) checkWhole(path string) {
	s.t.Helper()
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): os.ModeDir | 0o700} {
		if info, err := os.Lstat(name); err != nil || info.Mode() != want {
			s.t.Errorf("%v, %v", info, err)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	r, err := capture.NewReader(f)
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for ; err == nil; n++ {
		_, err = r.Next()
	}
	if !errors.Is(err, io.EOF) || n < 2 {
		s.t.Errorf("%s: %d packets, %v", path, n-1, err)
	}
}

// audited returns what the audit log says of captures, in short.
func (s *serving) audited() (lines []string) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.state, "ctop", "audit.jsonl"))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, "\n") {
			continue // it is being written
		}
		var e struct {
			Act  string
			What []string
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			s.t.Fatal(err)
		}
		if strings.HasPrefix(e.Act, "capture") {
			lines = append(lines, e.Act+" "+strings.Join(e.What, " "))
		}
	}
	return lines
}

// The capture of a console over SSH lies on the server, where only its owner can read it.
// It ends with the key, with the console, with the connection and with the service, and
// its file is whole then. A kill leaves one that can be read.
func TestServeCaptures(t *testing.T) {
	s := newServing(t)
	s.start(s.command())
	host, _ := os.Hostname()
	ends := []func(o *opened){
		func(o *opened) { _, _ = io.WriteString(o.keys, "w") },
		func(o *opened) { _, _ = io.WriteString(o.keys, "q") },
		func(o *opened) { _ = o.client.Close() },
		func(*opened) { _ = s.cmd.Process.Signal(syscall.SIGUSR1) },
		func(*opened) { _ = s.cmd.Process.Signal(syscall.SIGTERM) },
	}
	for i, end := range ends {
		o := s.console(s.dial(servedAddr))
		path := s.begins(o)
		if i == 0 {
			s.eventually("the console says where", func() bool {
				return strings.Contains(o.output.String(), "capturing to "+host+":"+s.state) && strings.Contains(o.output.String(), "on "+host)
			})
		}
		end(o)
		s.eventually("the capture has ended", func() bool { return len(s.audited()) == 2*(i+1) })
		s.checkWhole(path)
		lines := s.audited()[2*i:]
		if !strings.HasPrefix(lines[0], "capture icmp to ") || !strings.HasSuffix(lines[0], " to "+host+":"+path) ||
			!strings.HasPrefix(lines[1], "capture_end captured ") || !strings.HasSuffix(lines[1], " to "+host+":"+path) {
			t.Errorf("%q", lines)
		}
		_ = o.client.Close()
		if i >= 3 {
			if err := s.cmd.Wait(); err != nil {
				t.Errorf("%v: %s", err, s.log.end())
			}
			s.start(s.command())
		}
	}
	o := s.console(s.dial(servedAddr))
	path := s.begins(o)
	s.kill()
	s.checkWhole(path)
	s.start(s.command()) // which takes over what is left
	s.stop()
	checkDetached(t, s.Lab)
}
