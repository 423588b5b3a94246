// Package agent lets a fleet see a tracker. It publishes heartbeats, and flows only while
// somebody looks at them. Whatever the servers do, the tracker and its own consoles go on.
package agent

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/internal/fleet/link"
	"ctop/tracker/flow"
)

// Source is the tracker. A collector implements it.
type Source interface {
	// Snapshot returns the latest snapshot. It is called only while somebody looks.
	Snapshot() *flow.Snapshot
	// Status returns the latest state, perhaps without flows.
	Status() *flow.Snapshot
	flow.Inspector
}

// Options configures an agent.
type Options struct {
	Source Source
	Link   link.Options
	// Actor carries out acts, and Journal keeps them. Without them acts are refused.
	Actor   flow.Actor
	Journal *Journal
	// Events returns the events after a position in the log, and its end. It is called
	// only while somebody listens. Without it there are none.
	Events func(after uint64) (events []flow.Event, next uint64)
	// Version is that of the program.
	Version string
	Log     *slog.Logger
}

// Stats are the counters of an agent.
type Stats struct {
	// Connected is set while there is a server.
	Connected bool
	// Reconnects counts connections after the first.
	Reconnects uint64
	// Messages and Bytes count what was sent.
	Messages, Bytes uint64
	// Failed counts what could not be sent or answered.
	Failed uint64
	// Watches is the number of views that consoles look at.
	Watches int
	// Lag is how long the latest rows took, from the snapshot to the server.
	Lag time.Duration
}

// Agent is one host of a fleet.
type Agent struct {
	Options
	name    string
	space   fleet.Space
	started time.Time
	views   leases[*view]
	ears    leases[*ear]
	sums    leases[*sum]
	// hosts is the size of the fleet, 0 if it is not known.
	hosts atomic.Int64
	// pages limits how many answers with flows are made at a time.
	pages   chan struct{}
	working sync.WaitGroup
	// ending is set when nothing more is to be begun.
	gate   sync.Mutex
	ending bool

	client           atomic.Pointer[nats.Conn]
	failed, messages atomic.Uint64
	bytes            atomic.Uint64
	lag              atomic.Int64
}

// New returns an agent that does nothing before Run.
func New(o Options) (*Agent, error) {
	c := o.Link.Credentials
	if c.Role != fleet.RoleHost {
		return nil, errors.New("join the fleet: the credentials are those of " + string(c.Role) + " " + c.Name + ": make some for this host with ctop hub keys add host NAME")
	}
	if err := link.Check(o.Link.URL); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Events == nil {
		o.Events = func(uint64) ([]flow.Event, uint64) { return nil, 0 }
	}
	a := &Agent{Options: o, name: c.Name, space: c.Space(), started: time.Now(), pages: make(chan struct{}, maxAnswers)}
	a.ears.remembered = remembered
	a.Link.Persistent, a.Link.Spread, a.Link.Log = true, a.spread, o.Log
	return a, nil
}

const (
	// perSecond is how many heartbeats, and how many new connections, a fleet has in a
	// second.
	perSecond = 50
	// The shortest and the longest time between two heartbeats.
	oftenest, rarest = 10 * time.Second, 60 * time.Second
	// The longest time over which agents come back.
	longestSpread = 25 * time.Second
	// maxAnswers is how many answers with flows are made at a time.
	maxAnswers = 2
)

// spread returns the time over which agents come back to a server that was gone.
func (a *Agent) spread() time.Duration {
	n := a.hosts.Load()
	if n == 0 {
		return link.DefaultSpread
	}
	return min(max(time.Duration(n)*time.Second/perSecond, time.Second), longestSpread)
}

// every returns the time between two heartbeats.
func (a *Agent) every() time.Duration {
	return min(max(time.Duration(a.hosts.Load())*time.Second/perSecond, oftenest), rarest)
}

// pause returns the time until the next heartbeat: the heartbeats of many hosts are spread.
func pause(every time.Duration) time.Duration { return every*3/4 + rand.N(every/4) }

// Run serves the fleet until ctx is done. That no server answers is no error.
func (a *Agent) Run(ctx context.Context) error {
	client, err := link.Connect(a.Link)
	if err != nil {
		return err
	}
	a.client.Store(client)
	defer client.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer a.end(cancel)
	for subject, handle := range map[string]nats.MsgHandler{
		a.space.Size():              a.takeSize,
		a.space.Watch():             a.takeWatch,
		a.space.WatchOf("*"):        a.takeWatch,
		a.space.Question(a.name):    func(m *nats.Msg) { a.takeQuestion(ctx, m) },
		a.space.Act(a.name):         func(m *nats.Msg) { a.takeAct(ctx, m) },
		a.space.Question(fleet.All): func(m *nats.Msg) { a.takeQuestion(ctx, m) },
	} {
		sub, err := client.Subscribe(subject, link.Take(handle))
		if err == nil {
			err = sub.SetPendingLimits(maxPending, maxPendingBytes)
		}
		if err != nil {
			return err
		}
	}
	for _, publish := range []func(context.Context){a.publishTops, a.publishEvents, a.publishSums} {
		if a.begin() {
			go func() {
				defer a.working.Done()
				publish(ctx)
			}()
		}
	}
	a.beat(ctx)
	a.leave(client)
	return nil
}

// begin begins a piece of work that Run waits for. It reports whether that is possible.
func (a *Agent) begin() bool {
	a.gate.Lock()
	defer a.gate.Unlock()
	if !a.ending {
		a.working.Add(1)
	}
	return !a.ending
}

// end waits for what was begun. An act is completed.
func (a *Agent) end(cancel func()) {
	a.gate.Lock()
	a.ending = true
	a.gate.Unlock()
	cancel()
	a.working.Wait()
}

// The limits of what waits to be handled.
const (
	maxPending      = 256
	maxPendingBytes = 4 << 20
)

// Stats returns the counters.
func (a *Agent) Stats() Stats {
	s := Stats{
		Messages: a.messages.Load(), Bytes: a.bytes.Load(), Failed: a.failed.Load(),
		Watches: a.views.count(time.Now()) + a.ears.count(time.Now()) + a.sums.count(time.Now()), Lag: time.Duration(a.lag.Load()),
	}
	if c := a.client.Load(); c != nil {
		s.Connected, s.Reconnects = c.IsConnected(), c.Stats().Reconnects
	}
	return s
}

// publish sends a message, or counts that it could not.
func (a *Agent) publish(subject string, message []byte) {
	c := a.client.Load()
	if !c.IsConnected() {
		a.failed.Add(1)
		return
	}
	if err := c.Publish(subject, message); err != nil {
		a.failed.Add(1)
		return
	}
	a.messages.Add(1)
	a.bytes.Add(uint64(len(message)))
}

// beat publishes heartbeats until ctx is done: one as soon as there is a server, and then
// at random times.
func (a *Agent) beat(ctx context.Context) {
	var last time.Time
	var reconnects uint64
	wait := a.every()
	tick := time.NewTicker(time.Second / 4)
	defer tick.Stop()
	for {
		c := a.client.Load()
		if again := c.Stats().Reconnects; c.IsConnected() && (time.Since(last) >= wait || again != reconnects) && a.Source.Status() != nil {
			last, reconnects = time.Now(), again
			wait = pause(a.every())
			a.publish(a.space.Heartbeat(a.name), a.heartbeat().Encode())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// leave says good-bye, if there is a server.
func (a *Agent) leave(c *nats.Conn) {
	if !c.IsConnected() {
		return
	}
	h := a.heartbeat()
	h.Leaving, h.Alarms = true, nil
	a.publish(a.space.Heartbeat(a.name), h.Encode())
	_ = c.FlushTimeout(time.Second) // it is only polite
}

func (a *Agent) heartbeat() fleet.Heartbeat {
	h := fleet.Heartbeat{Version: a.Version, Every: int(a.every() / time.Second), Started: a.started.UTC().Truncate(time.Second)}
	s := a.Source.Status()
	if s == nil {
		return h
	}
	h.Place, h.Policy, h.Max, h.Uptime = s.Place(), s.Policy.String(), s.MaxFlows, s.Uptime.Truncate(time.Second).Seconds()
	h.Flows = int(s.Counters.FlowsCreated - min(s.Counters.FlowsCreated, s.Counters.FlowsDestroyed))
	h.Lost, h.Full, h.Dropped = s.Counters.EventsLost, s.Counters.TableFull, s.Counters.Dropped
	h.Alarms = s.Warnings.Sentences()
	h.Behind = max(time.Since(s.Time), 0).Truncate(time.Millisecond).Seconds()
	return h
}

// takeSize takes the number of hosts that the hub says.
func (a *Agent) takeSize(m *nats.Msg) {
	var told struct{ Hosts int }
	if len(m.Data) < 1024 && json.Unmarshal(m.Data, &told) == nil && told.Hosts > 0 && told.Hosts <= 1_000_000 {
		a.hosts.Store(int64(told.Hosts))
	}
}
