package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker/process"
)

// An actor is a program of a name of its own, which is this test binary. It does what its
// arguments say, then writes a line, and what the next line that it reads says.

// actorVariable makes the binary an actor.
const actorVariable = "CTOP_TEST_ACTOR"

// actor is a running one.
type actor struct {
	t     *testing.T
	cmd   *lab.Cmd
	name  string
	stdin io.WriteCloser
	lines *bufio.Reader
}

// stage is where actors are: a control group of their own.
type stage struct {
	t      *testing.T
	ctx    context.Context
	dir    string
	cgroup string
	group  *os.File
}

// newStage makes a control group, which is removed at the end of the test.
func newStage(ctx context.Context, t *testing.T) *stage {
	t.Helper()
	root := process.CgroupRoot()
	if root == "" {
		t.Fatal("no control groups of version 2 are mounted: mount -t cgroup2 none /sys/fs/cgroup/unified")
	}
	path, err := os.MkdirTemp(root, "ctop-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Children of actors are killed with them, and are gone a moment later.
		err := os.Remove(path)
		for deadline := time.Now().Add(waitTimeout); errors.Is(err, unix.EBUSY) && time.Now().Before(deadline); err = os.Remove(path) {
			time.Sleep(10 * time.Millisecond)
		}
		if err != nil {
			t.Error(err)
		}
	})
	group, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = group.Close() })
	return &stage{t: t, ctx: ctx, dir: t.TempDir(), cgroup: path, group: group}
}

// actor starts a program with a name, in a host or, with nil, in the middle.
func (s *stage) actor(host *lab.Host, name string, args ...string) *actor {
	s.t.Helper()
	path := s.program(name)
	cmd := lab.Command(s.ctx, path, args...)
	if host != nil {
		cmd = host.Command(s.ctx, path, args...)
	}
	cmd.Env = append(os.Environ(), actorVariable+"=1")
	cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(s.group.Fd())
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	a := &actor{t: s.t, cmd: cmd, name: name, stdin: stdin, lines: bufio.NewReader(stdout)}
	s.t.Cleanup(a.end)
	return a
}

// program returns the path of a program with a name.
func (s *stage) program(name string) string {
	path := filepath.Join(s.dir, name)
	binary, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.Symlink(binary, path); err != nil && !errors.Is(err, os.ErrExist) {
		s.t.Fatal(err)
	}
	return path
}

// hears waits for the actor's next line.
func (a *actor) hears() string {
	a.t.Helper()
	line, err := a.lines.ReadString('\n')
	if err != nil {
		a.t.Fatalf("%s says nothing: %v", a.name, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// do has the actor go on, and waits for its answer.
func (a *actor) do(what string) string {
	a.t.Helper()
	if _, err := io.WriteString(a.stdin, what+"\n"); err != nil {
		a.t.Fatal(err)
	}
	return a.hears()
}

// end ends the actor, and waits for it.
func (a *actor) end() {
	_ = a.stdin.Close()
	_ = a.cmd.Process.Kill()
	_ = a.cmd.Wait()
}

// act is the actor's main function.
func act(args []string) int {
	p := &player{in: bufio.NewReader(os.Stdin)}
	if err := p.play(args); err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintln(os.Stderr, strings.Join(os.Args, " ")+":", err)
		return 1
	}
	return 0
}

// player is an actor, from inside.
type player struct {
	in       *bufio.Reader
	listener net.Listener
	conn     net.Conn
	packets  net.PacketConn
}

// play does one thing after another.
func (p *player) play(args []string) error {
	for {
		answer, err := p.step(args)
		if err != nil {
			return err
		}
		fmt.Println(answer)
		line, err := p.in.ReadString('\n')
		if err != nil {
			return err
		}
		args = strings.Fields(line)
	}
}

func (p *player) step(args []string) (answer string, err error) {
	switch args[0] {
	case "connect": // NETWORK ADDRESS
		if p.conn, err = net.Dial(args[1], args[2]); err == nil {
			answer = p.conn.LocalAddr().String()
		}
	case "bind": // NETWORK ADDRESS
		if p.packets, err = net.ListenPacket(args[1], args[2]); err == nil {
			answer = p.packets.LocalAddr().String()
		}
	case "send": // ADDRESS
		var to *net.UDPAddr
		if to, err = net.ResolveUDPAddr("udp", args[1]); err == nil {
			_, err = p.packets.WriteTo([]byte("hello"), to)
		}
	case "answer":
		buf := make([]byte, 100)
		var from net.Addr
		var n int
		if n, from, err = p.packets.ReadFrom(buf); err == nil {
			_, err = p.packets.WriteTo(buf[:n], from)
		}
	case "listen": // ADDRESS
		// Its keepalive would be the first packet that a slow machine's tracker sees.
		silent := net.ListenConfig{KeepAlive: -1}
		if p.listener, err = silent.Listen(context.Background(), "tcp", args[1]); err == nil {
			answer = p.listener.Addr().String()
		}
	case "accept":
		p.conn, err = p.listener.Accept()
	case "say":
		_, err = p.conn.Write([]byte("hello"))
	case "hear":
		_, err = io.ReadFull(p.conn, make([]byte, 5))
	case "close":
		err = p.conn.Close()
	case "storm": // NETWORK FROM FIRST-PORT COUNT TO
		err = storm(args[1], args[2], number(args[3]), number(args[4]), args[5])
	case "echo": // NETWORK ADDRESS
		answer, err = echo(args[1], args[2])
	case "serve": // ADDRESS
		if p.listener, err = net.Listen("tcp4", args[1]); err == nil {
			answer = serve(p.listener)
		}
	case "serve-inherited": // by the listener that was inherited as file 3
		if p.listener, err = net.FileListener(os.NewFile(3, "inherited")); err == nil {
			answer = serve(p.listener)
		}
	case "prefork": // PROGRAM ADDRESS
		answer, err = prefork(args[1], args[2])
	case "tell": // NETWORK ADDRESS
		answer, err = tells(args[1], args[2])
	case "hold": // the connection that was inherited as file 3
		p.conn, err = net.FileConn(os.NewFile(3, "inherited"))
	default:
		return p.give(args)
	}
	return answer, err
}

// give gives the connection to another program.
func (p *player) give(args []string) (answer string, err error) {
	f, err := connFile(p.conn)
	if err != nil && args[0] != "receive" {
		return "", err
	}
	switch args[0] {
	case "fork": // PROGRAM: a child goes on with it
		return p.fork(args[1], f)
	case "exec": // PROGRAM: this process becomes it
		if err := unix.Dup2(int(f.Fd()), 3); err != nil {
			return "", err
		}
		return "", syscall.Exec(args[1], []string{args[1], "hold"}, os.Environ())
	case "pass": // SOCKET: whoever listens there gets it
		return "", errors.Join(passFile(args[1], f), f.Close(), p.conn.Close())
	case "receive": // SOCKET
		f, err := receiveFile(args[1])
		if err == nil {
			p.conn, err = net.FileConn(f)
			err = errors.Join(err, f.Close())
		}
		return "", err
	}
	return "", fmt.Errorf("%q is nothing to do", args)
}

// fork starts a child with the connection, and keeps none itself.
func (p *player) fork(program string, f *os.File) (answer string, err error) {
	child := exec.Command(program, "hold")
	child.ExtraFiles = []*os.File{f}
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := child.StdinPipe()
	if err != nil {
		return "", err
	}
	out, err := child.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := child.Start(); err != nil {
		return "", err
	}
	lines := bufio.NewReader(out)
	if _, err := lines.ReadString('\n'); err != nil {
		return "", err
	}
	// What comes now is for the child.
	go func() {
		_, _ = io.Copy(os.Stdout, lines)
	}()
	err = errors.Join(f.Close(), p.conn.Close())
	fmt.Println(child.Process.Pid)
	for err == nil {
		var line string
		if line, err = p.in.ReadString('\n'); err == nil {
			_, err = io.WriteString(in, line)
		}
	}
	_ = in.Close()
	return "", errors.Join(err, child.Wait())
}

func connFile(c net.Conn) (*os.File, error) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil, errors.New("there is no connection")
	}
	return tcp.File()
}

func passFile(socket string, f *os.File) error {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	_, _, err = c.(*net.UnixConn).WriteMsgUnix([]byte("x"), syscall.UnixRights(int(f.Fd())), nil)
	return errors.Join(err, c.Close())
}

func receiveFile(socket string) (*os.File, error) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }()
	fmt.Println("listens")
	c, err := l.Accept()
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	rights := make([]byte, 64)
	_, n, _, _, err := c.(*net.UnixConn).ReadMsgUnix(make([]byte, 1), rights)
	if err != nil {
		return nil, err
	}
	messages, err := syscall.ParseSocketControlMessage(rights[:n])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("%d control messages: %w", len(messages), err)
	}
	files, err := syscall.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(files[0]), "passed"), nil
}
