package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ctop/internal/lab"
)

// The ends of a pair's live traffic: a server that echoes, and a client that opens connections at
// a rate, and talks by some that stay.

const (
	// pairPort is the first of the ports of the server.
	pairPort  = 7000
	pairPorts = 8
	// pairTalkers are connections that stay, and talk every pairBeat.
	pairTalkers = 500
	pairBeat    = 200 * time.Millisecond
	// pairLife is how long other connections are open, and pairPatience how long an answer
	// may take.
	pairLife     = time.Second
	pairPatience = 30 * time.Second
)

// echoServer begins an echo server at each port.
func echoServer() error {
	for i := range pairPorts {
		l, err := net.Listen("tcp", fmt.Sprint(":", pairPort+i))
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil { // there are too many for a moment
					time.Sleep(time.Millisecond)
					continue
				}
				go func() {
					_, _ = io.Copy(c, c)
					_ = c.Close()
				}()
			}
		}()
	}
	return nil
}

// opener opens connections.
type opener struct {
	to             string
	ended          atomic.Bool
	open           sync.WaitGroup
	opened, failed atomic.Int64
}

// openAll begins what "pair-send ADDRESS RATE" says, and returns what answers lines: how many
// were opened and failed so far. The line "stop" ends it first.
func openAll(line string) (func(string) (string, error), error) {
	to, text, _ := strings.Cut(line, " ")
	rate, err := strconv.Atoi(text)
	if err != nil {
		return nil, err
	}
	o := &opener{to: to}
	for n := range pairTalkers {
		o.open.Go(func() { o.count(o.talk(n)) })
	}
	o.open.Go(func() { o.openAt(rate) })
	return func(line string) (string, error) {
		if line = strings.TrimSpace(line); line == "stop" {
			o.ended.Store(true)
			o.open.Wait()
		}
		return fmt.Sprint(o.opened.Load(), " ", o.failed.Load()), nil
	}, nil
}

// openAt opens connections at a rate until it is ended.
func (o *opener) openAt(rate int) {
	began, n := time.Now(), 0
	for ; !o.ended.Load(); time.Sleep(time.Millisecond) {
		for ; n < int(time.Since(began).Seconds()*float64(rate)); n++ {
			to := n
			o.open.Go(func() { o.count(o.visit(to)) })
		}
	}
}

func (o *opener) count(err error) {
	if err != nil && o.failed.Add(1) == 1 {
		fmt.Fprintln(os.Stderr, "the first connection that failed:", err)
	}
}

func (o *opener) dial(n int) (net.Conn, error) {
	c, err := net.DialTimeout("tcp", net.JoinHostPort(o.to, strconv.Itoa(pairPort+n%pairPorts)), pairPatience)
	if err == nil {
		o.opened.Add(1)
	}
	return c, err
}

// visit opens a connection, says something twice, and closes it.
func (o *opener) visit(n int) error {
	c, err := o.dial(n)
	if err != nil {
		return err
	}
	err = echo(c)
	time.Sleep(pairLife)
	return errors.Join(err, echo(c), c.Close())
}

// talk talks by a connection until it is ended.
func (o *opener) talk(n int) error {
	c, err := o.dial(n)
	if err != nil {
		return err
	}
	for err == nil && !o.ended.Load() {
		err = echo(c)
		time.Sleep(pairBeat)
	}
	return errors.Join(err, c.Close())
}

// echo says something, and waits for the answer.
func echo(c net.Conn) error {
	b := make([]byte, 100)
	_ = c.SetDeadline(time.Now().Add(pairPatience))
	if _, err := c.Write(b); err != nil {
		return err
	}
	_, err := io.ReadFull(c, b)
	return err
}

// resent returns how many segments a host has sent again, and how many came to it that it had
// before: these were not lost, but late, as where processors are busy.
func resent(h *lab.Host) (again, twice int, err error) {
	err = h.Do(func() (err error) {
		if again, err = netstat("/proc/thread-self/net/snmp", "Tcp:", "RetransSegs"); err != nil {
			return err
		}
		for _, name := range [...]string{"TCPDSACKOldSent", "TCPDSACKOfoSent"} {
			n, err := netstat("/proc/thread-self/net/netstat", "TcpExt:", name)
			if err != nil {
				return err
			}
			twice += n
		}
		return nil
	})
	return again, twice, err
}

// netstat returns a counter of the kernel: a line has names, and the next one their values.
func netstat(path, kind, name string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read what was sent again: %w", err)
	}
	at := -1
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || fields[0] != kind:
		case at >= 0 && at < len(fields):
			return strconv.Atoi(fields[at])
		default:
			at = slices.Index(fields, name)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}
