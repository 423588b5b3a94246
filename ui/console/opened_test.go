package console

import (
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
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
	return r.openOn(r.dial(s), &logged{}, term, width, height)
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
	r.eventually("the console shows "+text, func() bool { return strings.Contains(s.output.String(), text) })
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
