package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// talk is a set of established connections that take turns to send.
type talk struct {
	conns   [][2]net.Conn
	ids     map[string]flow.ID // by the client's address
	words   int
	longest time.Duration
	failed  error
}

func newTalk(t *testing.T, r *rig, n int) *talk {
	t.Helper()
	k := &talk{ids: map[string]flow.ID{}, conns: r.connectAll(r.Server.Addr4(), n)}
	r.eventually("all connections established", func() bool {
		clear(k.ids)
		for _, f := range r.flows("tcp") {
			if f.State == flow.StateEstablished {
				k.ids[f.Tuple.Src.String()] = f.ID
			}
		}
		return len(k.ids) == n
	})
	return k
}

// goOn sends a word on one connection after the other until ctx is done, and on
// each at least once.
func (k *talk) goOn(ctx context.Context) {
	for i := 0; k.failed == nil && (ctx.Err() == nil || i < len(k.conns)); i++ {
		k.say(k.conns[i%len(k.conns)])
	}
}

func (k *talk) say(c [2]net.Conn) {
	const word = "still here"
	started := time.Now()
	got := make([]byte, len(word))
	_ = c[1].SetReadDeadline(started.Add(waitTimeout))
	_, err := c[0].Write([]byte(word))
	if err == nil {
		_, err = io.ReadFull(c[1], got)
	}
	if err == nil && string(got) != word {
		err = fmt.Errorf("sent %q, arrived %q", word, got)
	}
	if err != nil {
		k.failed = fmt.Errorf("%v after %d words: %w", c[0].LocalAddr(), k.words, err)
	}
	k.words++
	k.longest = max(k.longest, time.Since(started))
}

// check checks that all connections continue, each with its flow.
func (k *talk) check(t *testing.T, r *rig) {
	t.Helper()
	for _, c := range k.conns {
		if k.failed == nil {
			k.say(c)
		}
	}
	if k.failed != nil {
		t.Fatal(k.failed)
	}
	left := map[flow.ID]bool{}
	for _, f := range r.flows("tcp") {
		left[f.ID] = f.State == flow.StateEstablished
	}
	for from, id := range k.ids {
		if !left[id] {
			t.Errorf("the flow of %s was lost", from)
		}
	}
}

func (k *talk) report() string {
	var retransmitted uint32
	for _, c := range k.conns {
		n, _ := retransmits(c[0]) // a figure for the log
		retransmitted += n
	}
	return fmt.Sprintf("%d words on %d connections, the slowest in %.0f ms, %d segments sent again",
		k.words, len(k.conns), k.longest.Seconds()*1000, retransmitted)
}

// shaker opens and closes TCP connections.
type shaker struct {
	t      *testing.T
	r      *rig
	target string
}

func newShaker(t *testing.T, r *rig) *shaker {
	t.Helper()
	listener, err := r.Server.Listen(r.ctx, "tcp", r.Server.Addr4().String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		acceptAll(listener, func(c net.Conn) { _ = c.Close() })
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return &shaker{t: t, r: r, target: listener.Addr().String()}
}

// shakeAll opens n connections, spread over the time, and returns how many of
// them needed more than one SYN.
func (s *shaker) shakeAll(ctx context.Context, n int, over time.Duration) (slow int) {
	s.t.Helper()
	started := time.Now()
	for i := range n {
		wait(ctx, time.Until(started.Add(over*time.Duration(i)/time.Duration(n))))
		if again, err := s.shake(); err != nil {
			s.t.Error(err)
			return n
		} else if again > 0 {
			slow++
		}
	}
	return slow
}

// shake opens a connection and returns the number of its retransmitted SYNs.
func (s *shaker) shake() (again uint32, err error) {
	ctx, cancel := context.WithTimeout(s.r.ctx, waitTimeout)
	defer cancel()
	conn, err := s.r.Client.Dial(ctx, "tcp", s.target)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	return retransmits(conn)
}

func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// retransmits returns how many segments, including SYNs, this end of a
// connection retransmitted.
func retransmits(conn net.Conn) (n uint32, err error) {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var info *unix.TCPInfo
	controlled := raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err = errors.Join(controlled, err); err != nil {
		return 0, err
	}
	return info.Total_retrans, nil
}

// kernelMemory returns the kernel memory of the tracker's maps, in bytes.
func kernelMemory(t *testing.T) (sum uint64) {
	t.Helper()
	pins, err := filepath.Glob("/sys/fs/bpf/ctop/*/*/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, pin := range pins {
		m, err := ebpf.LoadPinnedMap(pin, &ebpf.LoadPinOptions{ReadOnly: true})
		if err != nil {
			continue // a program or a link
		}
		info, err := m.Info()
		_ = m.Close()
		if err != nil {
			t.Fatal(err)
		}
		n, _ := info.Memlock()
		sum += n
	}
	if sum == 0 {
		t.Error("nobody tells what the maps take")
	}
	return sum
}
