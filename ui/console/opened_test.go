package console

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"ctop/internal/paint/painttest"
)

// screen is a console that a raw client opened.
type screen struct {
	*ssh.Session
	client *ssh.Client
	keys   io.WriteCloser
	output output
	ended  chan error
}

func (r *rig) open(s ssh.Signer, term string, width, height int) *screen {
	r.t.Helper()
	terminal := painttest.New(min(max(width, 1), maxColumns), min(max(height, 1), maxRows))
	return r.openOn(r.dial(s), &shown{terminal: terminal}, term, width, height)
}

// shown is what a console wrote, and every screen that a terminal showed of it. What was
// written is not enough for a search: of a row only what changes is sent.
type shown struct {
	logged
	terminal *painttest.Terminal
	screens  []string
}

func (s *shown) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.text.Write(p)
	n, err := s.terminal.Write(p)
	if now := s.terminal.Text(); len(s.screens) == 0 || s.screens[len(s.screens)-1] != now {
		s.screens = append(s.screens, now)
	}
	return n, err
}

// showed reports whether a screen had a text.
func (s *shown) showed(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.screens, func(screen string) bool { return strings.Contains(screen, text) })
}

// output is what a console wrote.
type output interface {
	io.Writer
	fmt.Stringer
}

func (r *rig) openOn(c *ssh.Client, out output, term string, width, height int) *screen {
	r.t.Helper()
	x, err := c.NewSession()
	if err != nil {
		r.t.Fatal(err)
	}
	sc := &screen{Session: x, client: c, output: out, ended: make(chan error, 1)}
	x.Stdout, x.Stderr = sc.output, sc.output
	if sc.keys, err = x.StdinPipe(); err != nil {
		r.t.Fatal(err)
	}
	if err := x.RequestPty(term, height, width, ssh.TerminalModes{}); err != nil {
		r.t.Fatal(err)
	}
	if err := x.Shell(); err != nil {
		r.t.Fatal(err)
	}
	go func() { sc.ended <- x.Wait() }()
	return sc
}

func (r *rig) shows(s *screen, text string) {
	r.t.Helper()
	r.eventually("the console shows "+text, func() bool {
		terminal, ok := s.output.(*shown)
		return strings.Contains(s.output.String(), text) || ok && terminal.showed(text)
	})
}

func (r *rig) press(s *screen, keys string) {
	r.t.Helper()
	if _, err := io.WriteString(s.keys, keys); err != nil {
		r.t.Fatal(err)
	}
}

// end waits for the end of a session.
func (r *rig) end(s *screen) error {
	r.t.Helper()
	select {
	case err := <-s.ended:
		_ = s.client.Close()
		return err
	case <-time.After(waitTimeout):
		r.t.Fatalf("the session does not end; log:\n%s", r.log)
		return nil
	}
}
