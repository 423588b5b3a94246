// Package standby connects the two halves of a pair by the servers of a fleet.
package standby

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/internal/fleet/link"
	"ctop/internal/pair"
	"ctop/tracker/flow"
)

// Options configures one half. All fields must be set.
type Options struct {
	// Name is that of the pair, which the key of the host must be of.
	Name string
	Link link.Options
	// Pair are the options of the half but for Send.
	Pair pair.Options
	// Say is told once a second what is known of the partner, and in the end that nobody
	// tells it flows any more.
	Say func(flow.Pair) error
	// Watch tells what happens to own flows until ctx is done.
	Watch func(ctx context.Context, to *pair.Pair) error
	// HandedOver reports whether another ctop takes the tracker over, as a half of the pair.
	// nil means that none does.
	HandedOver func() bool
	Log        *slog.Logger
}

// Half is one half of a pair.
type Half struct {
	Options
	pair   *pair.Pair
	client atomic.Pointer[nats.Conn]
	began  time.Time
	// twice is when the log said last that another host has the same credentials.
	twice fleet.Seldom
}

// The limits of what waits to be taken, and the time over which both come back to a server.
const (
	maxPending      = 64 << 10
	maxPendingBytes = 32 << 20
	spread          = 400 * time.Millisecond
)

// sayEvery is how often what is known of the partner is said, whether it changes or not.
const sayEvery = time.Second

var errNoServer = errors.New("there is no server")

// New returns a half that does nothing before Run.
func New(o Options) *Half {
	h := &Half{Options: o, began: time.Now()}
	h.Link.Persistent, h.Link.Log = true, o.Log
	h.Link.Spread = func() time.Duration { return spread }
	h.Pair.Send, h.Pair.Log = h.send, o.Log
	if h.HandedOver == nil {
		h.HandedOver = func() bool { return false }
	}
	h.pair = pair.New(h.Pair)
	return h
}

func (h *Half) space() fleet.Space { return h.Link.Credentials.Space() }

func (h *Half) send(message []byte) error {
	c := h.client.Load()
	if c == nil || !c.IsConnected() {
		return errNoServer
	}
	return c.Publish(h.space().Pair(h.Name, h.Link.Credentials.Name), message)
}

// Run keeps the pair in sync until ctx is done. That no server answers is no error.
func (h *Half) Run(ctx context.Context) (err error) {
	client, err := link.Connect(h.Link)
	if err != nil {
		return err
	}
	h.client.Store(client)
	defer client.Close()
	defer func() { err = errors.Join(err, h.part()) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 3)
	sub, err := client.Subscribe(h.space().Pair(h.Name, "*"), link.Take(func(m *nats.Msg) {
		from := h.space().PairHost(m.Subject)
		if from == h.Link.Credentials.Name {
			h.heardItself(m.Data)
			return
		}
		if fleet.CheckName("a host", from) != nil {
			return // a server of the fleet lets nobody say that
		}
		if err := h.pair.Receive(from, m.Data); err != nil && ctx.Err() == nil {
			h.Log.Warn("take what the partner tells", "error", err)
		}
	}))
	if err == nil {
		err = sub.SetPendingLimits(maxPending, maxPendingBytes)
	}
	if err != nil {
		return err
	}
	var others sync.WaitGroup
	others.Go(func() { failed <- h.Watch(ctx, h.pair) })
	compare := make(chan struct{}, 1)
	others.Go(func() { failed <- h.compare(ctx, compare) })
	defer others.Wait()
	defer cancel()
	tick, say := time.NewTimer(0), time.NewTicker(sayEvery)
	defer tick.Stop()
	defer say.Stop()
	said, news, ticked := flow.Pair{}, time.Time{}, time.Time{}
	if err := h.say(&said); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-say.C:
			if err := h.say(&said); err != nil {
				return err
			}
		case err := <-failed:
			return err
		case <-h.pair.Due():
			// Where events come all the time nothing is ever left to read for long.
			if wait := pair.Every - time.Since(ticked); wait > 0 {
				tick.Reset(wait)
				continue
			}
		case <-tick.C:
		}
		ticked = time.Now()
		if err := h.tick(compare); err != nil {
			return err
		}
		tick.Reset(h.pair.Next())
		// A partner may change what is known of it at any rate: the second of two changes waits.
		if ticked.Sub(news) >= sayEvery && h.changed(said) {
			news = ticked
			if err := h.say(&said); err != nil {
				return err
			}
		}
	}
}

// tick tells the partner what is due, and has the tables compared when that is.
func (h *Half) tick(compare chan<- struct{}) error {
	if err := h.pair.Tick(); err != nil {
		return err
	}
	if h.pair.CompareDue() {
		select {
		case compare <- struct{}{}:
		default: // it will be
		}
	}
	return nil
}

// heardItself warns of another host that has the credentials of this one. The two do not hear
// each other: a server sends nobody what it said itself.
func (h *Half) heardItself(message []byte) {
	if h.pair.Sent(message) {
		return
	}
	if _, say := h.twice.Say("", time.Now()); say {
		h.Log.Warn("another ctop has the same credentials: give each host of the pair its own", "host", h.Link.Credentials.Name)
	}
}

// compare compares the tables when that is due, until ctx is done.
func (h *Half) compare(ctx context.Context, due <-chan struct{}) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-due:
			if err := h.pair.Compare(); err != nil {
				return err
			}
		}
	}
}

// changed reports whether more than the lag differs from what was said last.
func (h *Half) changed(said flow.Pair) bool {
	s := h.Status()
	now := s.Pair()
	now.Lag = said.Lag
	return now != said
}

// say says what is known of the partner, and logs what changed since it was said last.
func (h *Half) say(said *flow.Pair) error {
	changed := h.changed(*said)
	s := h.Status()
	*said = s.Pair()
	if changed {
		h.note(*said)
	}
	return h.Say(*said)
}

// note logs the state of the pair, in the words of the header.
func (h *Half) note(p flow.Pair) {
	switch p.State {
	case flow.PairInSync:
		h.Log.Info("the pair is in sync", "host", p.Partner, "lag", p.Lag)
	case flow.PairAway:
		h.Log.Warn("the partner is silent", "host", p.Partner)
	case flow.PairAlone:
		h.Log.Info("the pair has no partner yet", "pair", h.Name)
	case flow.PairCatchingUp:
		h.Log.Info("catching up with the partner", "host", p.Partner)
	case flow.PairTelling:
		h.Log.Info("the partner is catching up", "host", p.Partner)
	}
	if p.Full {
		h.Log.Warn("the partner has no room for all flows", "host", p.Partner)
	}
}

// part lets inherited flows end by their own timeouts. Who looks at a tracker that goes on
// learns that nobody tells the partner. Flows go on that begin at the partner until the next
// half hears it.
func (h *Half) part() error {
	s := h.Status()
	err := h.Say(flow.Pair{State: flow.PairStopped, Partner: s.Partner})
	if !h.HandedOver() {
		err = errors.Join(err, h.Pair.Table.Pair(false, false))
	}
	return err
}

// Began returns when the half was made.
func (h *Half) Began() time.Time { return h.began }

// Status returns the state of the pair.
func (h *Half) Status() pair.Status { return h.pair.Status() }
