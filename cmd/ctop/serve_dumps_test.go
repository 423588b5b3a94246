package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"ctop/tracker/flow"
	"ctop/ui/console"
)

// moving is a tracker that has another snapshot each time, and knows which of
// them somebody holds.
type moving struct {
	still
	flows int

	mu    sync.Mutex
	at    time.Time
	taken []weak.Pointer[flow.Snapshot]
}

func (m *moving) Snapshot() *flow.Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = m.at.Add(time.Millisecond)
	s := &flow.Snapshot{Time: m.at, MaxFlows: m.flows, Flows: make([]flow.Flow, m.flows), Timeouts: flow.DefaultTimeouts()}
	for i := range s.Flows {
		s.Flows[i] = flow.Flow{ID: flow.ID(i + 1), State: flow.StateNew, Tuple: flow.Tuple{
			Proto: flow.ProtocolUDP, Src: flow.MustParseEnd("10.0.0.1:1"), Dst: flow.MustParseEnd("10.0.0.2:2"),
		}}
	}
	m.taken = append(m.taken, weak.Make(s))
	return s
}

func (m *moving) held() (n int) {
	runtime.GC()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.taken {
		if s.Value() != nil {
			n++
		}
	}
	return n
}

// settles waits until no more snapshots are held than may be: one may just be on
// its way.
func (m *moving) settles(t *testing.T) {
	t.Helper()
	n := m.held()
	for end := time.Now().Add(waitTimeout); n > mostHeld && time.Now().Before(end); n = m.held() {
		time.Sleep(20 * time.Millisecond)
	}
	if n > mostHeld {
		t.Errorf("%d snapshots are held", n)
	}
}

// slowClient takes nothing after its first bytes, until it is ended.
type slowClient struct {
	begun chan struct{}
	ended chan struct{}
	once  sync.Once
	end   sync.Once
	why   atomic.Pointer[error]
}

func newSlowClient() *slowClient {
	return &slowClient{begun: make(chan struct{}), ended: make(chan struct{})}
}

func (c *slowClient) Write([]byte) (int, error) {
	c.once.Do(func() { close(c.begun) })
	<-c.ended
	return 0, errors.New("the client is gone")
}

func (c *slowClient) End(why error) {
	c.why.Store(&why)
	c.end.Do(func() { close(c.ended) })
}

// testDumps are dumps with a clock of their own.
func testDumps() (d *dumps, pass func(time.Duration)) {
	var now atomic.Int64
	d = newDumps()
	d.clock = func() time.Time { return time.Unix(0, now.Load()) }
	return d, func(by time.Duration) { now.Add(int64(by)) }
}

// Dumps that are taken slowly hold two snapshots between them, and one that is
// read gets through.
func TestSlowDumpsShareASnapshot(t *testing.T) {
	d, pass := testDumps()
	source := &moving{flows: 5000, at: time.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	var clients []*slowClient
	for range 16 {
		c := newSlowClient()
		clients = append(clients, c)
		work.Go(func() {
			d.command(ctx, console.Command{
				Args: []string{"dump", "-o", "json"}, Role: console.Viewer, Reader: source, Stdout: c, Stderr: io.Discard, End: c.End,
			})
		})
		defer c.End(nil)
	}
	<-clients[0].begunAny(clients)
	source.settles(t)
	// An operator is served at once, whatever viewers hold.
	var out bytes.Buffer
	status := d.command(ctx, console.Command{
		Args: []string{"dump", "-o", "json"}, Role: console.Operator, Reader: source, Stdout: &out, Stderr: io.Discard,
	})
	if status != 0 || strings.Count(out.String(), `"id"`) != source.flows {
		t.Errorf("status %d, %d bytes", status, out.Len())
	}
	// A viewer is served once the slow ones have had their time.
	work.Go(func() {
		for ctx.Err() == nil {
			pass(slowAfter)
			time.Sleep(20 * time.Millisecond)
		}
	})
	out.Reset()
	status = d.command(ctx, console.Command{
		Args: []string{"dump", "-o", "csv", "--limit", "1"}, Role: console.Viewer, Reader: source, Stdout: &out, Stderr: io.Discard,
	})
	if status != 0 || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("status %d, %q", status, out.String())
	}
	told := 0
	for _, c := range clients {
		if why := c.why.Load(); why != nil && errors.Is(*why, errSlowDump) {
			told++
		}
	}
	if told == 0 {
		t.Error("none was told")
	}
	source.settles(t)
}

// begunAny is closed once one of the clients was sent something.
func (*slowClient) begunAny(clients []*slowClient) <-chan struct{} {
	begun := make(chan struct{})
	var once sync.Once
	for _, c := range clients {
		go func() {
			select {
			case <-c.begun:
				once.Do(func() { close(begun) })
			case <-c.ended:
			}
		}()
	}
	return begun
}

// A dump whose client is gone ends, although another one waits for the table to be read.
func TestDumpEndsWhileAnotherWaits(t *testing.T) {
	d, _ := testDumps()
	asked, answer := make(chan struct{}), make(chan struct{})
	var once sync.Once
	latest := func() *flow.Snapshot {
		once.Do(func() { close(asked) })
		<-answer
		return &flow.Snapshot{}
	}
	var work sync.WaitGroup
	defer work.Wait()
	defer close(answer)
	begin := func(ctx context.Context, role console.Role) error {
		_, done, err := d.begin(ctx, latest, role, func(error) {})
		if err == nil {
			done()
		}
		return err
	}
	work.Go(func() {
		if err := begin(context.Background(), console.Viewer); err != nil {
			t.Error(err)
		}
	})
	<-asked
	gone, leave := context.WithCancel(context.Background())
	leave()
	for _, role := range []console.Role{console.Viewer, console.Operator} {
		if err := begin(gone, role); !errors.Is(err, context.Canceled) {
			t.Errorf("a client that is gone: %v", err)
		}
	}
}

// A session dumps again and again, as a command on the machine does.
func TestRemoteDumpRepeats(t *testing.T) {
	var out, errs bytes.Buffer
	status := newDumps().command(context.Background(), console.Command{
		Args:   strings.Fields("dump --interval 100ms --count 3 -o jsonl"),
		Reader: &moving{flows: 2, at: time.Now()}, Stdout: &out, Stderr: &errs,
	})
	if status != 0 || strings.Count(out.String(), "\n") != 6 || strings.Count(out.String(), `"time"`) != 6 {
		t.Errorf("status %d, %q, %q", status, out.String(), errs.String())
	}
}
