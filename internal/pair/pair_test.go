package pair

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// world is two machines and what is between them. Its time is not the machine's.
type world struct {
	*testing.T
	random *rand.Rand
	now    time.Time
	hosts  [2]*host
	// loss is the share of messages that do not arrive; cut is a partition.
	loss float64
	cut  bool
	// late has the messages that are on their way.
	late []letter
	// delay is what messages wait for.
	delay time.Duration
	next  uint64
}

type letter struct {
	to      int
	at      time.Time
	message []byte
}

// host is one machine.
type host struct {
	*world
	number int
	name   string
	table  *table
	pair   *Pair
	booted time.Time
	// deaf: it hears nothing yet.
	deaf bool
	// slow is how many messages it takes every ten milliseconds, 0 without a limit.
	slow int
	// ahead is how far its clock is ahead.
	ahead time.Duration
	// latest is when Tick is called at the latest.
	latest time.Time
}

func newWorld(t *testing.T, capacity ...int) *world {
	w := &world{T: t, random: rand.New(rand.NewPCG(1, 2)), now: time.Unix(1_000_000, 0)}
	for i := range w.hosts {
		h := &host{world: w, number: i, name: []string{"a", "b"}[i], booted: w.now.Add(-time.Hour), ahead: time.Duration(i) * 10 * time.Minute}
		h.table = newTable(h.clock, append(capacity, 10_000, 10_000)[i])
		w.hosts[i] = h
		h.start()
	}
	return w
}

func (h *host) clock() time.Time { return h.now.Add(h.ahead) }

// start begins ctop on a machine, whose table stays.
func (h *host) start() {
	h.pair = New(Options{
		Table: h.table, Capacity: h.table.capacity, Uptime: func() time.Duration { return h.now.Sub(h.booted) }, Now: h.clock, Version: "test",
		Send: func(message []byte) error {
			if !h.cut && h.random.Float64() >= h.loss {
				h.late = append(h.late, letter{1 - h.number, h.now.Add(time.Millisecond + h.delay), bytes.Clone(message)})
			}
			return nil
		},
	})
	h.table.changed, h.latest = h.pair.Changed, h.now
}

// reboot starts a machine with an empty table.
func (h *host) reboot() {
	h.table = newTable(h.clock, h.table.capacity)
	h.booted = h.now
	h.start()
}

// pass lets time pass.
func (w *world) pass(d time.Duration) {
	w.Helper()
	for until := w.now.Add(d); w.now.Before(until); w.now = w.now.Add(Every / 2) {
		late, took := w.late, [2]int{}
		w.late = nil
		for _, l := range late {
			h := w.hosts[l.to]
			if l.at.After(w.now) || h.slow > 0 && took[l.to] == h.slow {
				w.late = append(w.late, l)
				continue
			}
			if took[l.to]++; h.pair != nil && !h.deaf {
				w.fine(h.pair.Receive(w.hosts[1-l.to].name, l.message))
			}
		}
		for _, h := range w.hosts {
			if h.pair != nil && h.due() {
				w.fine(h.pair.Tick())
				h.latest = w.now.Add(h.pair.Next())
				if h.pair.CompareDue() {
					w.fine(h.pair.Compare())
				}
			}
		}
	}
}

// due reports whether Tick is to be called. What happens is read every 50 ms.
func (h *host) due() bool {
	if h.pair.queue.Lock(); len(h.pair.changed)+len(h.pair.ends) > 0 && h.now.UnixNano()%int64(50*time.Millisecond) == 0 {
		h.pair.CaughtUp()
	}
	h.pair.queue.Unlock()
	select {
	case <-h.pair.Due():
		return true
	default:
		return !h.now.Before(h.latest)
	}
}

func (w *world) fine(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// begin begins n flows on a machine.
func (h *host) begin(n int) (keys []flow.ToldKey) {
	for range n {
		h.next++
		var key flow.ToldKey
		binary.LittleEndian.PutUint64(key[:], h.next)
		h.open(key)
		keys = append(keys, key)
	}
	return keys
}

func (h *host) open(key flow.ToldKey) {
	e := h.table.add(key)
	*e = entry{told: flow.Told{Glance: flow.Glance{Key: key, ID: flow.ID(h.random.Uint64() | 1), Control: uint32(flow.StateEstablished)}}, made: h.clock(), heard: h.clock(), own: true}
	e.told.Halves[flow.Origin].Packets, e.told.Halves[flow.Reply].Packets = 1, 1
	if h.pair != nil {
		h.pair.Changed(key)
	}
}

// hear lets packets of flows come by a machine.
func (h *host) hear(keys ...flow.ToldKey) {
	for _, key := range keys {
		e := h.table.flows[key]
		if !e.own && h.pair != nil {
			h.pair.Moved(key)
		}
		e.own, e.heard = true, h.clock()
		e.told.Control &^= toldMissed
		e.told.Halves[flow.Origin].Packets++
	}
}

// end ends flows of a machine.
func (h *host) end(keys ...flow.ToldKey) {
	for _, key := range keys {
		id := h.table.flows[key].told.ID
		h.table.remove(key)
		if h.pair != nil {
			h.pair.Ended(key, id, flow.ReasonClosed)
		}
	}
}

// agree fails unless both machines know the same flows, so many.
func (w *world) agree(want int) {
	w.Helper()
	a, b := w.hosts[0].table, w.hosts[1].table
	if len(a.flows) != want || len(b.flows) != want {
		w.Fatalf("%d and %d flows, want %d; %+v, %+v", len(a.flows), len(b.flows), want, w.hosts[0].pair.Status(), w.hosts[1].pair.Status())
	}
	for key, e := range a.flows {
		other := b.flows[key]
		if other == nil || other.told.ID != e.told.ID || a.read(e).Age-b.read(other).Age > 50*time.Millisecond {
			w.Fatalf("flow %x is %+v here and %+v there", key[:8], e, other)
		}
	}
	for i, h := range w.hosts {
		if n := h.table.made - h.table.ended; n != len(h.table.flows) {
			w.Fatalf("host %d: %d made, %d ended, %d there", i, h.table.made, h.table.ended, len(h.table.flows))
		}
	}
}

// inherited returns how many flows of a machine are the other's.
func (h *host) inherited() (n int) {
	for _, e := range h.table.flows {
		if !e.own {
			n++
		}
	}
	return n
}

// Flows are at the other machine a tenth of a second after they began, and gone as soon
// after they ended.
func TestChangesArrive(t *testing.T) {
	w := newWorld(t)
	a, b := w.hosts[0], w.hosts[1]
	w.pass(2 * time.Second)
	keys := a.begin(1000)
	more := b.begin(500)
	w.pass(100 * time.Millisecond)
	w.agree(1500)
	if a.inherited() != 500 || b.inherited() != 1000 {
		t.Errorf("%d and %d are inherited", a.inherited(), b.inherited())
	}
	a.end(keys[:300]...)
	b.end(more[:100]...)
	w.pass(100 * time.Millisecond)
	w.agree(1100)
	if !a.table.paired || !a.table.alive || !a.pair.Status().Synced || a.pair.Status().Partner != "b" {
		t.Errorf("the status is %+v", a.pair.Status())
	}
}

// A machine that begins to listen while the other one speaks already is in sync after
// seconds, whatever it missed.
func TestLateListener(t *testing.T) {
	w := newWorld(t)
	a, b := w.hosts[0], w.hosts[1]
	b.deaf = true
	a.begin(100)
	w.pass(1500 * time.Millisecond)
	b.deaf = false
	w.pass(4 * time.Second)
	w.agree(100)
	if !a.pair.Status().Synced || !b.pair.Status().Synced {
		t.Errorf("%+v, %+v", a.pair.Status(), b.pair.Status())
	}
}

// Ages are right although messages wait for a second.
func TestDelay(t *testing.T) {
	w := newWorld(t)
	w.pass(5 * time.Second)
	w.delay = time.Second
	w.hosts[0].begin(100)
	w.pass(2 * time.Second)
	w.agree(100)
	w.pass(3 * time.Minute)
	w.agree(100)
}

// Counters and idle times of live flows are six seconds old at most.
func TestLiveFlowsAreToldAgain(t *testing.T) {
	w := newWorld(t)
	a, b := w.hosts[0], w.hosts[1]
	w.pass(2 * time.Second)
	keys := a.begin(1000)
	w.pass(time.Second)
	for range 12 {
		a.hear(keys...)
		w.pass(time.Second)
	}
	for _, key := range keys {
		if n := b.table.flows[key].told.Halves[flow.Origin].Packets; n < 13-6 {
			t.Fatalf("%d packets of 13", n)
		}
	}
	sent := a.pair.Status().Flows
	w.pass(30 * time.Second)
	if n := a.pair.Status().Flows - sent; n > 2000 {
		t.Errorf("idle flows were told %d times", n)
	}
}

// A machine that comes late, or without its table, gets all flows: also those that it had
// itself, and lost.
func TestFreshPartner(t *testing.T) {
	w := newWorld(t)
	a, b := w.hosts[0], w.hosts[1]
	w.pass(2 * time.Second)
	a.begin(3000)
	b.begin(3000)
	w.pass(3 * time.Second)
	w.agree(6000)
	a.pair = nil
	w.pass(20 * time.Second)
	if b.table.alive || !b.table.paired {
		t.Errorf("the partner is alive: %t, paired: %t", b.table.alive, b.table.paired)
	}
	a.reboot()
	w.pass(10 * time.Second)
	w.agree(6000)
	if !a.pair.Status().Synced || b.inherited() != 0 {
		t.Errorf("synced: %t, %d are inherited", a.pair.Status().Synced, b.inherited())
	}
	w.pass(30 * time.Second)
	w.agree(6000)
}

// Whatever is lost is found by digests.
func TestLoss(t *testing.T) {
	w := newWorld(t)
	w.loss = 0.3
	a, b := w.hosts[0], w.hosts[1]
	var keys []flow.ToldKey
	for range 300 {
		keys = append(keys, a.begin(10)...)
		keys = append(keys, b.begin(1)...)
		for range 5 {
			i := w.random.IntN(len(keys))
			h := w.hosts[w.random.IntN(2)]
			if e := h.table.flows[keys[i]]; e != nil && e.own {
				h.end(keys[i])
				keys = append(keys[:i], keys[i+1:]...)
			}
		}
		w.pass(100 * time.Millisecond)
	}
	w.loss = 0
	w.pass(25 * time.Second)
	w.agree(len(keys))
	if a.pair.Status().Lost == 0 {
		t.Error("no message was found missing")
	}
}

// Both are active during a partition, and agree within seconds after it.
func TestPartition(t *testing.T) {
	w := newWorld(t)
	a, b := w.hosts[0], w.hosts[1]
	w.pass(2 * time.Second)
	keys, more := a.begin(2000), b.begin(2000)
	w.pass(time.Second)
	w.cut = true
	w.pass(30 * time.Second)
	a.end(keys[:500]...)
	b.end(more[:500]...)
	a.begin(100)
	b.begin(100)
	b.hear(keys[1000:1100]...) // these moved
	w.pass(30 * time.Second)
	w.cut = false
	w.pass(8 * time.Second)
	w.agree(3200)
}

// ctop ends and begins on both machines in turn, and their tables stay.
func TestRestarts(t *testing.T) {
	w := newWorld(t)
	a, b := w.hosts[0], w.hosts[1]
	w.pass(2 * time.Second)
	keys, more := a.begin(1000), b.begin(1000)
	w.pass(time.Second)
	for i, h := range w.hosts {
		h.pair = nil
		w.pass(10 * time.Second)
		a.end(keys[100*i : 100*i+100]...)
		b.end(more[100*i : 100*i+100]...)
		h.start()
		w.pass(20 * time.Second)
		w.agree(2000 - 200*(i+1))
	}
}

// Flows that end while both are away leave nothing behind.
func TestBothRestart(t *testing.T) {
	w := newWorld(t)
	a, b := w.hosts[0], w.hosts[1]
	w.pass(2 * time.Second)
	keys := a.begin(1000)
	w.pass(time.Second)
	a.pair, b.pair = nil, nil
	a.end(keys[:500]...)
	w.pass(10 * time.Second)
	a.start()
	b.start()
	w.pass(25 * time.Second)
	w.agree(500)
}
