package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

func TestMain(m *testing.M) {
	if os.Getenv(actorVariable) != "" {
		os.Exit(act(os.Args[1:]))
	}
	os.Exit(lab.Main(run{m}))
}

// run builds the program before the tests, whose time is bounded, and removes it after them:
// where nothing is built yet, and much else runs, that takes minutes.
type run struct{ *testing.M }

func (r run) Run() int {
	path, err := ctopBinary()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if os.Getenv("CTOP_BINARY") == "" {
		defer func() { _ = os.RemoveAll(filepath.Dir(path)) }()
	}
	return r.M.Run()
}

// waitTimeout bounds every wait; nothing here should take that long.
const waitTimeout = time.Minute

// rig is a lab with a tracker between its hosts and a running collector.
type rig struct {
	*lab.Lab
	t         *testing.T
	ctx       context.Context
	tracker   *tracker.Tracker
	collector *tracker.Collector
	stop      func()
	position  uint64
	events    []flow.Event
	// eventLog is how many events the collector keeps, 0 for the default.
	eventLog int
}

// newLab creates a lab that is closed at the end of the test.
func newLab(t testing.TB) (*lab.Lab, context.Context) {
	t.Helper()
	return newLabWith(t, lab.Options{})
}

func newLabWith(t testing.TB, o lab.Options) (*lab.Lab, context.Context) {
	t.Helper()
	lab.Require(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute+soakTime()+ipfixTime()+2*duration("CTOP_AWAY", 0))
	t.Cleanup(cancel)
	l, err := lab.New(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		detachAll(t)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l, ctx
}

// detachAll takes down what a test has left, on which the next one would begin.
func detachAll(t testing.TB) {
	t.Helper()
	running, err := tracker.Running()
	for _, interfaces := range running {
		if !t.Failed() {
			t.Errorf("%q are left attached", interfaces)
		}
		err = errors.Join(err, tracker.Down(context.Background(), interfaces...))
	}
	if err != nil {
		t.Error(err)
	}
}

// newRig attaches a tracker between the hosts of a new lab.
func newRig(t *testing.T, o tracker.Options) *rig {
	t.Helper()
	return newRigWith(t, lab.Options{}, o)
}

func newRigWith(t *testing.T, lo lab.Options, o tracker.Options) *rig {
	t.Helper()
	l, ctx := newLabWith(t, lo)
	r := &rig{Lab: l, t: t, ctx: ctx}
	r.open(o)
	return r
}

func (r *rig) open(o tracker.Options) {
	r.t.Helper()
	if o.Interfaces == nil {
		o.Interfaces = []string{r.Client.Port(), r.Server.Port()}
	}
	tr, err := tracker.Open(r.ctx, o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.begin(tr)
	r.listens(r.Server.Addr4())
}

// listens waits for the first event, of a ping of the client, and for a snapshot. The
// event shows that the collector is listening, so it misses none from here on.
func (r *rig) listens(to netip.Addr) {
	r.t.Helper()
	r.eventually("an event, and a snapshot", func() bool {
		if err := lab.WaitPing(r.ctx, r.Client, to); err != nil {
			r.t.Fatal(err)
		}
		return len(r.log()) > 0 && r.collector.Snapshot() != nil
	})
}

// begin runs a collector of a tracker until the end of the test.
func (r *rig) begin(tr *tracker.Tracker) {
	r.t.Helper()
	r.tracker = tr
	r.collector = tracker.NewCollector(tr, tracker.CollectorOptions{Interval: 100 * time.Millisecond, EventLog: r.eventLog})
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan error, 1)
	go func() { done <- r.collector.Run(ctx) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("collector: %v", err)
		}
		if err := tr.Close(); err != nil {
			r.t.Errorf("close: %v", err)
		}
	}
	r.t.Cleanup(r.stop)
}

// eventually waits until holds returns true.
func (r *rig) eventually(what string, holds func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(waitTimeout)
	for !holds() {
		if time.Now().After(deadline) {
			r.t.Fatalf("never: %s; flows: %v; events: %v", what, r.flows(""), r.log())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// flows returns the current flows of a protocol, or all.
func (r *rig) flows(proto string) []flow.Flow {
	r.t.Helper()
	s, err := r.tracker.Snapshot()
	if err != nil {
		r.t.Fatal(err)
	}
	var found []flow.Flow
	for _, f := range s.Flows {
		if proto == "" || f.Tuple.Proto.String() == proto {
			found = append(found, f)
		}
	}
	return found
}

// flow waits until the only flow of a protocol is in the state.
func (r *rig) flow(proto string, state flow.State) flow.Flow {
	r.t.Helper()
	var found []flow.Flow
	r.eventually("one "+proto+" flow in "+state.String(), func() bool {
		found = r.flows(proto)
		return len(found) == 1 && found[0].State == state
	})
	return found[0]
}

// none waits until no flow of the protocol is left.
func (r *rig) none(proto string) {
	r.t.Helper()
	r.eventually("no "+proto+" flow", func() bool { return len(r.flows(proto)) == 0 })
}

// log returns every event so far.
func (r *rig) log() []flow.Event {
	more, next := r.collector.Events(r.position)
	r.position = next
	r.events = append(r.events, more...)
	return r.events
}

// ended waits for a flow's end and returns the event.
func (r *rig) ended(id flow.ID) flow.Event {
	r.t.Helper()
	var found flow.Event
	r.eventually("the end of "+id.String(), func() bool {
		for _, e := range r.log() {
			if e.ID == id && e.Type == flow.EventDestroy {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// connect opens a TCP connection from client to server over the address and
// returns both ends.
func (r *rig) connect(addr netip.Addr) (client, server net.Conn) {
	r.t.Helper()
	c := r.connectAll(addr, 1)[0]
	return c[0], c[1]
}

// connectAll opens n of them, to the same port.
func (r *rig) connectAll(addr netip.Addr, n int) (ends [][2]net.Conn) {
	r.t.Helper()
	listener, err := r.Server.Listen(r.ctx, "tcp", netip.AddrPortFrom(addr, 0).String())
	if err != nil {
		r.t.Fatal(err)
	}
	defer listener.Close()
	for range n {
		client, err := r.Client.Dial(r.ctx, "tcp", listener.Addr().String())
		if err != nil {
			r.t.Fatal(err)
		}
		_ = listener.(*net.TCPListener).SetDeadline(time.Now().Add(waitTimeout))
		server, err := listener.Accept()
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() { client.Close(); server.Close() })
		ends = append(ends, [2]net.Conn{client, server})
	}
	return ends
}

// say sends a word one way and checks that it arrives.
func say(t *testing.T, from, to net.Conn, word string) {
	t.Helper()
	if _, err := from.Write([]byte(word)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(word))
	_ = to.SetReadDeadline(time.Now().Add(waitTimeout))
	if _, err := io.ReadFull(to, got); err != nil {
		t.Fatal(err)
	}
	if string(got) != word {
		t.Fatalf("sent %q, arrived %q", word, got)
	}
}
