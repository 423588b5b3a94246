package e2e

import (
	"context"
	"slices"
	"sync"
	"testing"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// traced collects the traces of a tracker.
type traced struct {
	mu  sync.Mutex
	all []flow.Trace
}

// startTrace reads traces until the test ends.
func startTrace(t *testing.T, r *rig) *traced {
	t.Helper()
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	g := new(traced)
	go func() {
		defer close(done)
		for trace, err := range r.tracker.Traces(ctx) {
			if err != nil {
				t.Errorf("trace: %v", err)
				return
			}
			g.mu.Lock()
			g.all = append(g.all, trace)
			g.mu.Unlock()
		}
	}()
	return g
}

// has reports whether there is a matching packet.
func (g *traced) has(is func(*flow.Trace) bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.all, func(t flow.Trace) bool { return is(&t) })
}

// Every packet is traced with its numbers, its verdict, and the states before
// and after.
func TestTrace(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, tracker.Options{Mode: mode, Trace: true, Policy: flow.PolicyEnforce})
			g := startTrace(t, r)
			client, server := r.connect(r.Server.Addr4())
			say(t, client, server, "a word")
			f := r.flow("tcp", flow.StateEstablished)
			of := func(is func(*flow.Trace) bool) func() bool {
				return func() bool {
					return g.has(func(p *flow.Trace) bool { return p.Flow == f.ID && is(p) })
				}
			}
			r.eventually("the SYN", of(func(p *flow.Trace) bool {
				return p.Flags&0x3f == 2 && p.From == flow.StateNone && p.To == flow.StateSynSent &&
					p.Verdict == flow.VerdictNew && p.Tuple == f.Tuple && p.In == 0 && p.Payload == 0
			}))
			r.eventually("its answer", of(func(p *flow.Trace) bool {
				return p.Flags&0x3f == 0x12 && p.From == flow.StateSynSent && p.To == flow.StateSynRecv &&
					p.Direction == flow.Reply && p.Tuple == f.Tuple.Reverse() && p.In == 1 && p.Matching().Tuple == f.Tuple
			}))
			r.eventually("the word", of(func(p *flow.Trace) bool {
				return p.Payload == 6 && p.From == flow.StateEstablished && p.To == flow.StateEstablished && !p.Dropped
			}))
			stray := wire{from: make([]byte, 6), to: make([]byte, 6), dst: r.Server.Addr4().As4()}
			if err := r.Client.Inject(stray.tcp([4]byte{198, 18, 0, 7}, portDiscard, 0x10)); err != nil {
				t.Fatal(err)
			}
			r.eventually("a stray ACK", func() bool {
				return g.has(func(p *flow.Trace) bool {
					return p.Flow == 0 && p.Verdict == flow.VerdictInvalid && p.Invalid == flow.InvalidNoFlow && p.Dropped &&
						p.Tuple.Dst.Port() == portDiscard && p.Ack != 0
				})
			})
		})
	}
}

// A tracker started without tracing cannot be traced, and the error says so.
func TestTraceOfAnother(t *testing.T) {
	r := newRig(t, tracker.Options{})
	for _, err := range r.tracker.Traces(r.ctx) {
		if err == nil {
			t.Fatal("a packet came")
		}
	}
	o := tracker.Options{Interfaces: []string{r.Client.Port(), r.Server.Port()}, Trace: true}
	if tr, err := tracker.Open(r.ctx, o); err == nil {
		_ = tr.Close()
		t.Fatal("a tracker that runs was joined to trace it")
	}
	if err := lab.WaitPing(r.ctx, r.Client, r.Server.Addr4()); err != nil {
		t.Errorf("it forwards no more: %v", err)
	}
}
