package lab

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// sockets counts the sockets of the process. What nobody closes stays, since nothing
// collects it.
func sockets(t *testing.T) (n int) {
	t.Helper()
	names, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if to, err := os.Readlink(name); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// TestActsClose begins each act of the client and ends it: its socket is closed, too.
func TestActsClose(t *testing.T) {
	Require(t)
	l, err := New(t.Context(), Options{Bridge: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	tr := &traffic{client: l.Client, server: l.Server, options: TrafficOptions{}.withDefaults()}
	serving, stop := context.WithCancel(t.Context())
	defer tr.group.Wait()
	defer stop()
	if err := tr.serveNobody(serving); err != nil {
		t.Fatal(err)
	}
	p := path{l.Client.Addr4(), l.Server.Addr4()}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for name, do := range map[string]act{"unanswered": tr.unanswered, "lookUp": tr.lookUp, "stream": tr.stream, "echo": tr.echo} {
		before := sockets(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan bool, 1)
		go func() { ended <- do(ctx, p) == nil }()
		for deadline := time.Now().Add(time.Minute); sockets(t) == before && len(ended) == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s opens no socket", name)
			}
		}
		cancel()
		<-ended
		if after := sockets(t); after != before {
			t.Errorf("%s: %d sockets before, %d after", name, before, after)
		}
	}
}

// steps is a connection that notes the sizes of writes until there were so many.
type steps struct {
	net.Conn
	sizes []int
	most  int
}

var errEnough = errors.New("enough")

func (s *steps) SetWriteDeadline(time.Time) error { return nil }

func (s *steps) Write(p []byte) (int, error) {
	if len(s.sizes) == s.most {
		return 0, errEnough
	}
	s.sizes = append(s.sizes, len(p))
	return len(p), nil
}

// TestSteps sends in steps of 10 ms, between a small packet and what a socket takes.
func TestSteps(t *testing.T) {
	for rate, want := range map[int64]int{0: 1000, 80_000: 1000, 8_000_000: 10_000, 80_000_000: 100_000, 1 << 40: 256 << 10} {
		s := &steps{most: 1}
		if err := sendPaced(t.Context(), s, rate, time.Hour); err != nil && !errors.Is(err, errEnough) || len(s.sizes) != 1 || s.sizes[0] != want {
			t.Errorf("%d bits per second: steps of %d bytes, error %v", rate, s.sizes, err)
		}
	}
}
