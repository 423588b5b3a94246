package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/lab"
)

// The ends of measured traffic are programs of their own, as in real use: they wait for
// processors, and not for the scheduler of the Go program that observes them.

// childVariable makes this program a child, and says what it does.
const childVariable = "CTOP_BENCH_CHILD"

// streamPort is where a server reads, answerPort where it answers.
const (
	streamPort = connectPort + connectors
	answerPort = streamPort + 1
)

// child is a running one. It answers each line with a line.
type child struct {
	what  string
	cmd   *lab.Cmd
	stdin io.WriteCloser
	lines *bufio.Reader
}

// start starts a child at a host or, with nil, in the middle, and waits until it is ready.
func (m *machine) start(ctx context.Context, host *lab.Host, what string) (*child, error) {
	c, err := m.begin(ctx, host, what)
	if err != nil {
		return nil, err
	}
	return c, c.hears()
}

// begin starts a child.
func (m *machine) begin(ctx context.Context, host *lab.Host, what string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	c := &child{what: what, cmd: lab.Command(ctx, self)}
	if host != nil {
		c.cmd = host.Command(ctx, self)
	}
	c.cmd.Env = append(os.Environ(), childVariable+"="+what)
	c.cmd.Stderr = os.Stderr
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.lines = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	m.ends = append(m.ends, func() {
		_ = c.stdin.Close()
		_ = c.cmd.Wait()
	})
	return c, nil
}

// hears waits for a line.
func (c *child) hears() error {
	_, err := c.answer()
	return err
}

func (c *child) answer() (string, error) {
	line, err := c.lines.ReadString('\n')
	if err != nil {
		err = fmt.Errorf("hear of %q: %w", c.what, err)
	}
	return strings.TrimSpace(line), err
}

// does tells the child what to do, and returns its answer.
func (c *child) does(what string) (string, error) {
	if _, err := fmt.Fprintln(c.stdin, what); err != nil {
		return "", fmt.Errorf("tell %q: %w", c.what, err)
	}
	return c.answer()
}

func (c *child) spent() time.Duration { return spentBy(c.cmd.Process.Pid) }

// beChild does what a child is for, until nobody tells it more.
func beChild(what string) error {
	runtime.GOMAXPROCS(4 * runtime.NumCPU())
	name, rest, _ := strings.Cut(what, " ")
	var do func(line string) (answer string, err error)
	var err error
	switch name {
	case "hold":
		do, err = hold(rest)
	case "serve":
		err = serveTraffic()
	case "fleet":
		runtime.GOMAXPROCS(runtime.NumCPU())
		do, err = runHosts(rest)
	case "pair-serve":
		err = echoServer()
	case "pair-send":
		do, err = openAll(rest)
	case "send":
		do = func(line string) (string, error) { return send(rest, line) }
	default:
		err = errors.New("nobody knows what that is")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	answer := "ready"
	for in := bufio.NewReader(os.Stdin); ; {
		fmt.Println(answer)
		line, err := in.ReadString('\n')
		if err != nil {
			return nil
		}
		if answer, err = do(line); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

// serveTraffic starts the servers of all tasks.
func serveTraffic() error {
	for i := range connectors {
		if _, err := listenHere(connectPort+i, finish); err != nil {
			return err
		}
	}
	if _, err := listenHere(streamPort, drain); err != nil {
		return err
	}
	_, err := listenHere(answerPort, reply)
	return err
}

// finish closes a connection after its client.
func finish(fd int) {
	var b [1]byte
	_, _ = unix.Read(fd, b[:])
	_ = unix.Close(fd)
}

// drain reads a connection in the background.
func drain(fd int) {
	go func() {
		for b := make([]byte, 256<<10); ; {
			if n, err := unix.Read(fd, b); n <= 0 && !errors.Is(err, unix.EINTR) {
				_ = unix.Close(fd)
				return
			}
		}
	}()
}

// reply answers each byte in the background.
func reply(fd int) {
	go func() {
		for b := make([]byte, 1); ; {
			n, err := unix.Read(fd, b)
			if n > 0 {
				_, err = unix.Write(fd, b)
			}
			if n == 0 || err != nil && !errors.Is(err, unix.EINTR) {
				_ = unix.Close(fd)
				return
			}
		}
	}()
}

// send does a task for a while: so many streams, or connections if there are none. It
// returns how many bytes or connections there were.
func send(to, line string) (string, error) {
	var address [4]byte
	var streams int
	var span string
	if _, err := fmt.Sscanf(to, "%d.%d.%d.%d", &address[0], &address[1], &address[2], &address[3]); err != nil {
		return "", err
	}
	if _, err := fmt.Sscan(line, &streams, &span); err != nil {
		return "", err
	}
	d, err := time.ParseDuration(span)
	if err != nil {
		return "", err
	}
	var done atomic.Int64
	deadline := time.Now().Add(d)
	n := connectors
	switch {
	case streams > 0:
		n = streams
	case streams == roundTrips:
		n = 1
	}
	errs := make(chan error, n)
	for i := range n {
		go func() {
			to := unix.SockaddrInet4{Addr: address, Port: connectPort + i}
			switch {
			case streams > 0:
				to.Port = streamPort
				errs <- stream(&to, make([]byte, 128<<10), deadline, &done)
			case streams == roundTrips:
				to.Port = answerPort
				errs <- stream(&to, make([]byte, 1), deadline, &done)
			default:
				errs <- connect(context.Background(), &to, deadline, &done)
			}
		}()
	}
	for range n {
		err = errors.Join(err, <-errs)
	}
	return fmt.Sprint(done.Load()), err
}

// stream writes by one connection. One byte is answered.
func stream(address unix.Sockaddr, b []byte, deadline time.Time, count *atomic.Int64) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Connect(fd, address); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	for time.Now().Before(deadline) {
		n, err := unix.Write(fd, b)
		if n == 1 && err == nil {
			_, err = unix.Read(fd, b)
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("send: %w", err)
		}
		count.Add(int64(max(n, 0)))
	}
	return nil
}

// listenHere starts a server, which is given every connection. end ends it.
func listenHere(port int, serve func(fd int)) (end func(), err error) {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a socket: %w", err)
	}
	if err := unix.Bind(listener, &unix.SockaddrInet4{Port: port}); err != nil {
		return nil, fmt.Errorf("listen at port %d: %w", port, err)
	}
	if err := unix.Listen(listener, 4096); err != nil {
		return nil, fmt.Errorf("listen at port %d: %w", port, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			fd, _, err := unix.Accept(listener)
			if err != nil {
				return
			}
			serve(fd)
		}
	}()
	return func() {
		_ = unix.Shutdown(listener, unix.SHUT_RDWR)
		<-done
		_ = unix.Close(listener)
	}, nil
}
