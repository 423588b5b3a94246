package e2e

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/tracker"
	"ctop/tracker/flow"
)

const (
	// soakWorkers is the number of goroutines that open connections, one after
	// the other.
	soakWorkers = 8
	// soakTimeout is the timeout of every state, so that the table turns over.
	soakTimeout = 3 * time.Second
	// soakGrowth is how much resident memory may grow after warm-up, for
	// garbage that is not returned yet.
	soakGrowth = 32 << 20
)

// soakTime is the duration of the churn, set by make soak.
func soakTime() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("CTOP_SOAK")); err == nil {
		return d
	}
	return 6 * time.Second
}

// burden is the resource usage of a process and its tracker.
type burden struct {
	descriptors, goroutines, pins int
	kernel                        uint64
}

func takeBurden(t *testing.T) burden {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	pins, err := filepath.Glob("/sys/fs/bpf/ctop/*/*/*")
	if err != nil {
		t.Fatal(err)
	}
	return burden{len(fds), runtime.NumGoroutine(), len(pins), kernelMemory(t)}
}

// residentMemory returns the process's resident memory without garbage, in
// bytes.
func residentMemory(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// Thousands of connections open and close, normally, by reset or half open,
// beside datagrams and stray ACKs. Nothing grows, the table empties afterwards,
// and the sums hold.
func TestSoak(t *testing.T) {
	var timeouts flow.Timeouts
	for name := range timeouts {
		timeouts[name] = soakTimeout
	}
	r := newRig(t, tracker.Options{Timeouts: timeouts})
	if err := r.Client.SetQueue(true); err != nil {
		t.Fatal(err)
	}
	before := takeBurden(t)
	duration := soakTime()
	ctx, cancel := context.WithTimeout(r.ctx, duration)
	defer cancel()
	finished := churn(ctx, t, r)
	wait(ctx, duration/4)
	warm := residentMemory(t)
	wait(ctx, duration)
	made := finished()
	grown := residentMemory(t) - warm
	r.eventually("an empty table", func() bool { return len(r.flows("")) == 0 })
	sumsHold(t, r)

	s, err := r.tracker.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	c := s.Counters
	t.Logf("%.0f connections a second made in full, %.0f flows a second; %d packets; ended by reason %v",
		float64(made)/duration.Seconds(), float64(c.FlowsCreated)/duration.Seconds(), c.Packets, c.Destroyed)
	t.Logf("resident memory %.1f MB when warm, %+.1f MB since; lost events %d, not tracked %d",
		float64(warm)/1e6, float64(grown)/1e6, c.EventsLost, c.TableFull)
	if grown > soakGrowth {
		t.Errorf("resident memory grew by %d bytes from %d", grown, warm)
	}
	if made == 0 || c.Destroyed[flow.ReasonRST] == 0 || c.Destroyed[flow.ReasonExpired] == 0 {
		t.Errorf("%d connections, ended by reason %v: that was no churn", made, c.Destroyed)
	}
	var after burden
	for deadline := time.Now().Add(waitTimeout); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		// What was about to end when it began is gone.
		if after = takeBurden(t); after.descriptors <= before.descriptors && after.goroutines <= before.goroutines &&
			after.pins == before.pins && after.kernel == before.kernel {
			return
		}
	}
	t.Errorf("it takes %+v, it took %+v", after, before)
}

// churn continues until ctx is done; finished waits for its end and returns the
// number of complete connections.
func churn(ctx context.Context, t *testing.T, r *rig) (finished func() int64) {
	t.Helper()
	var made atomic.Int64
	var wg sync.WaitGroup
	for i := range soakWorkers {
		listener, err := r.Server.Listen(r.ctx, "tcp", r.Server.Addr4().String()+":0")
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { acceptAll(listener, answerOnce) })
		wg.Go(func() {
			defer func() { _ = listener.Close() }()
			// One thread stays in the client's namespace: entering it for each
			// connection would take longer than the connection.
			_ = r.Client.Do(func() error {
				for n := i; ctx.Err() == nil; n++ {
					if comeAndGo(ctx, listener.Addr().String(), n) {
						made.Add(1)
					}
				}
				return nil
			})
		})
	}
	strays, socket, err := newWire(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	wg.Go(func() {
		defer func() { _ = unix.Close(socket) }()
		for n := 0; ctx.Err() == nil; n++ {
			_, _ = unix.Write(socket, floods[n%len(floods)].frame(strays)) // a lost one does not matter
			if n%2 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	})
	return func() int64 {
		wg.Wait()
		strays.close()
		return made.Load()
	}
}

// answerOnce sends a word on a connection, and closes it before or after the client.
func answerOnce(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(waitTimeout))
	word := make([]byte, 1)
	if _, err := io.ReadFull(conn, word); err == nil && word[0] != 0 {
		_, _ = conn.Write(word)
		_, _ = conn.Read(word)
	}
	_ = conn.Close()
}

// comeAndGo opens a connection and closes it in one of three ways.
func comeAndGo(ctx context.Context, address string, n int) bool {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	conn := c.(*net.TCPConn)
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(waitTimeout))
	// Zero asks the server to close first.
	word := []byte{byte(n % 3)}
	if _, err := conn.Write(word); err != nil {
		return false
	}
	if _, err := conn.Read(word); err != nil && n%3 != 0 {
		return false
	}
	if n%3 == 1 {
		_ = conn.SetLinger(0) // a reset
	}
	return true
}
