package console

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/crypto/ssh"

	"ctop/internal/paint/painttest"
)

// stock is OpenSSH's own client, as an operator has it.
type stock struct {
	*rig
	ctx context.Context
}

func newStock(t *testing.T, l Limits) *stock {
	t.Helper()
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("ssh: the OpenSSH client is missing: apt-get install openssh-client")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*waitTimeout)
	t.Cleanup(cancel)
	r := newRig(t, l)
	return &stock{rig: r, ctx: ctx}
}

// identity writes a new key to a file and returns it.
func (s *stock) identity(name string) ssh.PublicKey {
	s.t.Helper()
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", s.path(name)).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(s.path(name + ".pub"))
	if err != nil {
		s.t.Fatal(err)
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return public
}

// authorise makes keys for an operator, ann, and a viewer, vic.
func (s *stock) authorise() {
	s.t.Helper()
	ann, vic := ssh.MarshalAuthorizedKey(s.identity("ann")), ssh.MarshalAuthorizedKey(s.identity("vic"))
	s.replaceKeys(line("role=operator", s.ann, "rig") + `role="operator" ` + string(ann) + string(vic))
}

func (s *stock) ssh(args ...string) *exec.Cmd {
	host, port, _ := strings.Cut(s.addr, ":")
	fixed := []string{
		"-F", "none", "-p", port, "-o", "StrictHostKeyChecking=accept-new", "-o", "IdentitiesOnly=yes",
		"-o", "UserKnownHostsFile=" + s.path("known"), "-o", "LogLevel=ERROR",
	}
	cmd := exec.CommandContext(s.ctx, "ssh", append(append(fixed, args...), host)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "TERM=xterm-256color"}
	return cmd
}

// run runs the client without a terminal.
func (s *stock) run(identity string, command ...string) (stdout, stderr string, status int) {
	s.t.Helper()
	var out, errs bytes.Buffer
	cmd := s.ssh("-i", s.path(identity))
	cmd.Args = append(cmd.Args, command...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestStockClientCommands(t *testing.T) {
	s := newStock(t, Limits{})
	s.authorise()
	for _, tt := range []struct {
		who, command   string
		stdout, stderr string
		status         int
	}{
		{"ann", "ok", "served operator\n", "", 0},
		{"vic", "ok", "served viewer\n", "", 0},
		{"vic", "delete", "", "viewer: read only", 1},
		{"ann", "delete", "", "", 0},
		{"ann", "rm -rf /", "", "not here", 2},
		{"ann", "", "", "there is no shell here", 1},
	} {
		out, errs, status := s.run(tt.who, strings.Fields(tt.command)...)
		if out != tt.stdout || !strings.Contains(errs, tt.stderr) || status != tt.status {
			t.Errorf("%s %s: %q, %q, status %d", tt.who, tt.command, out, errs, status)
		}
	}
	if _, errs, status := s.run("nobody", "ok"); status != 255 || !strings.Contains(errs, "Permission denied (publickey)") {
		t.Errorf("without a key: %q, status %d", errs, status)
	}
	s.serves()
}

// A key that the client offers and cannot prove changes nothing.
func TestStockClientOffersAnothersKey(t *testing.T) {
	s := newStock(t, Limits{})
	s.authorise()
	if err := os.Remove(s.path("ann")); err != nil { // ann.pub stays
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd := s.ssh("-v", "-o", "LogLevel=DEBUG1", "-l", "ann", "-i", s.path("ann.pub"), "-i", s.path("vic"))
	cmd.Args = append(cmd.Args, "ok")
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || string(out) != "served viewer\n" {
		t.Errorf("%v: %q", err, out)
	}
	if strings.Count(errs.String(), "Server accepts key") != 2 {
		t.Errorf("both keys should have been offered: %s", errs.String())
	}
	s.serves()
}

func TestStockClientRefused(t *testing.T) {
	s := newStock(t, Limits{})
	s.authorise()
	for _, methods := range []string{"password", "keyboard-interactive", "none", "gssapi-with-mic", "hostbased"} {
		cmd := s.ssh("-o", "PreferredAuthentications="+methods, "-o", "BatchMode=yes", "-i", s.path("ann"))
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "Permission denied (publickey)") {
			t.Errorf("%s: %v, %s", methods, err, out)
		}
	}
	for name, args := range map[string][]string{
		"sftp":  {"-s"},
		"-W":    {"-W", "127.0.0.1:22"},
		"-R":    {"-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22"},
		"agent": {"-A", "-T"},
	} {
		cmd := s.ssh(append(args, "-i", s.path("ann"))...)
		if name == "sftp" {
			cmd.Args = append(cmd.Args, "sftp")
		}
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%s: %s", name, out)
		}
	}
	s.serves()
}

// terminal is the stock client in a terminal.
type terminal struct {
	*exec.Cmd
	file   *os.File
	output *shown
	read   chan struct{}
}

func (s *stock) terminal(identity, term string, args ...string) *terminal {
	s.t.Helper()
	cmd := s.ssh(append([]string{"-tt", "-i", s.path(identity)}, args...)...)
	cmd.Env = append(cmd.Env, "TERM="+term)
	file, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 100})
	if err != nil {
		s.t.Fatal(err)
	}
	x := &terminal{Cmd: cmd, file: file, output: &shown{terminal: painttest.New(100, 24)}, read: make(chan struct{})}
	go func() {
		defer close(x.read)
		buffer := make([]byte, 4096)
		for {
			n, err := file.Read(buffer)
			_, _ = x.output.Write(buffer[:n])
			if err != nil {
				return
			}
		}
	}()
	return x
}

func (s *stock) sees(x *terminal, text string) {
	s.t.Helper()
	s.eventually("the terminal shows "+text, func() bool { return strings.Contains(x.output.String(), text) || x.output.showed(text) })
}

func (s *stock) types(x *terminal, keys string) {
	s.t.Helper()
	if _, err := x.file.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stock) leaves(x *terminal) int {
	s.t.Helper()
	err := x.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	<-x.read
	_ = x.file.Close()
	return x.ProcessState.ExitCode()
}

// The whole console in a real terminal: colours, keys, resize, and q ends it
// with status 0 and the terminal as it was.
func TestStockClientConsole(t *testing.T) {
	s := newStock(t, Limits{})
	s.authorise()
	x := s.terminal("ann", "xterm-256color")
	s.sees(x, "10.0.0.1:40000")
	s.sees(x, "\x1b[7m")
	s.types(x, "/src:10.0.0.2\r")
	s.sees(x, "1/3")
	if err := pty.Setsize(x.file, &pty.Winsize{Rows: 40, Cols: 160}); err != nil {
		t.Fatal(err)
	}
	s.eventually("it is drawn on the larger screen", func() bool {
		return strings.Contains(x.output.String(), "\x1b[40H")
	})
	s.types(x, "dy")
	s.eventually("a flow was deleted", func() bool { return s.source.acts() == 1 })
	s.types(x, "q")
	if status := s.leaves(x); status != 0 {
		t.Errorf("status %d: %q", status, x.output)
	}
	if text := x.output.String(); !strings.Contains(text, "\x1b[?1049l") || !strings.Contains(text, "\x1b[?25h") {
		t.Errorf("the terminal was not restored: %q", text)
	}
	s.serves()
}

// kill -9 of a client leaves nothing.
func TestStockClientKilled(t *testing.T) {
	s := newStock(t, Limits{})
	s.authorise()
	x := s.terminal("vic", "xterm")
	s.sees(x, "10.0.0.1:40000")
	if err := x.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = x.Wait()
	_ = x.file.Close()
	<-x.read
	s.serves()
}

// The locale, which clients send unasked, is not worth a line of the log.
func TestStockClientLocale(t *testing.T) {
	s := newStock(t, Limits{})
	s.authorise()
	for _, variable := range []string{"LANG", "LC_ALL", "LC_TIME"} {
		cmd := s.ssh("-o", "SendEnv="+variable, "-i", s.path("ann"))
		cmd.Args = append(cmd.Args, "ok")
		cmd.Env = append(cmd.Env, variable+"=C.UTF-8")
		if out, err := cmd.Output(); err != nil || string(out) != "served operator\n" {
			t.Fatalf("%q, %v", out, err)
		}
	}
	if strings.Contains(s.log.String(), "refused a request") {
		t.Error(s.log)
	}
	cmd := s.ssh("-o", "SetEnv=LD_PRELOAD=/x.so", "-i", s.path("ann"))
	cmd.Args = append(cmd.Args, "ok")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.log.String(), `msg="refused a request"`) {
		t.Error("it is not logged that a variable was refused")
	}
}
