package pair

import (
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"ctop/tracker/flow"
)

// Table is a tracker's table. *kernel.Partner implements it.
type Table interface {
	// Flow reads the flow of a key. found is false if there is none.
	Flow(key *flow.ToldKey, told *flow.Told) (found bool, err error)
	// Enter enters a flow of the partner, or brings it up to date.
	Enter(told *flow.Told) (flow.Inherited, error)
	// End ends a flow that has ended at the partner.
	End(key *flow.ToldKey, id flow.ID, reason flow.Reason) (flow.Inherited, error)
	// Own makes a flow of the partner this tracker's own.
	Own(key *flow.ToldKey, id flow.ID) (flow.Inherited, error)
	// Part calls visit with the flows at n places from one on: all, or own ones that had a
	// packet within a time, if that is not negative. It reports whether there are places
	// after these.
	Part(from, n int, within time.Duration, visit func(*flow.Told)) (more bool, err error)
	// Glance does the same with all flows at a glance.
	Glance(from, n int, visit func(*flow.Glance)) (more bool, err error)
	// Present returns how many flows there are, about.
	Present() (int, error)
	// Pair says whether there is, or recently was, a partner, and whether it lives.
	Pair(paired, alive bool) error
}

// Options configures a pair. All fields must be set but for Now, Log and Version.
type Options struct {
	Table Table
	// Capacity is the number of flows that the table has room for.
	Capacity int
	// Uptime returns how long the tracker has been running.
	Uptime func() time.Duration
	// Send sends a message to the partner. It must not wait, nor keep the message.
	Send    func([]byte) error
	Version string
	Now     func() time.Time
	Log     *slog.Logger
}

const (
	// Every is the shortest time between two calls of Tick, and that while many flows are
	// told; rarely is the longest.
	Every  = 20 * time.Millisecond
	rarely = 100 * time.Millisecond

	helloEvery  = time.Second
	digestEvery = 5 * time.Second
	// lap is the time over which live flows are told again: counters are 5 s old at most.
	lap = 4500 * time.Millisecond
	// gone is how long a partner is silent that does not live any more, and pairedFor how
	// much longer flows may come from it.
	gone      = 5 * time.Second
	pairedFor = time.Minute
	// spareRoom is the part of the table that is left to own flows.
	spareRoom = 16
	// While all flows are told, a call of Tick reads at most so many places, in steps, and
	// tells at most about so many flows. So many may be on their way: neither the server nor
	// the partner keeps more for a partner that is slow.
	fullPlaces = 1 << 15
	fullStep   = 1 << 12
	fullFlows  = 6000
	onTheWay   = 50_000
	// fullAgain is when all flows are told again to a partner that did not hear the end.
	fullAgain = 5 * time.Second
	// maxWalks bounds how much longer all flows are not told again to one that is never in
	// sync: five minutes.
	maxWalks = 6
	// movedAgain is after which time a flow that moved is told once more: by then it has been
	// heard here for longer than the clocks of two trackers may differ.
	movedAgain = 200 * time.Millisecond
	// queued is how many changes wait at most. Digests find the others.
	queued = 1 << 18
	// maxSent is how many messages are remembered that are not known to have arrived.
	maxSent = 1 << 12
)

// Pair is one half of a pair. Its methods are safe for concurrent use.
type Pair struct {
	Options
	instance uint64
	start    time.Time

	// due has a value when Tick is to be called at once.
	due chan struct{}
	// queue guards what events add.
	queue   sync.Mutex
	changed map[flow.ToldKey]struct{}
	ends    []end
	// spare is what was told last, to be used again.
	spare struct {
		changed map[flow.ToldKey]struct{}
		ends    []end
	}
	// moved are flows that are told again, in the order of their times.
	moved []moved

	mu       sync.Mutex
	sequence uint32
	partner  partner
	// synced is set once the partner has told all of its flows.
	synced bool
	walk   walk
	// told is when all flows were told last, and walks how often since the partner was in
	// sync, whichever instance of it.
	told  time.Time
	walks uint
	// at is when things were done last.
	at struct {
		hello, digest, compared time.Time
		// pass and sums are when the table may be gone over next for what the partner asks,
		// and rested when it is forgotten how often all flows were told.
		pass, sums, rested time.Time
		// said is when the log named the partner last.
		said time.Time
	}
	// unread is who sent a message of another version last, and when. warned is when the log
	// had that last.
	unread struct {
		host       string
		at, warned time.Time
	}
	// suspect are the shards that differed last.
	suspect map[uint16]bool
	// open is what waits for the next pass over the table, and digest the partner's latest.
	open   questions
	digest *digest
	// differing counts shards that the partner asked for since the last digest.
	differing int
	// over are own flows that have ended lately, with the time by which that was told, in two
	// maps that take turns, at most queued in each. taken is the time of the latest message
	// that the partner has had.
	over struct {
		now, before map[flow.ID]uint64
		since       time.Time
		taken       uint64
	}
	// entered counts flows since the table said how many it has.
	present, entered int
	// batch is the message of flows that is being written, with batched of them, and ended
	// that of ends.
	batch, ended []byte
	batched      int
	// batchSent is the time of the batch, sent what was told at which time and not known to
	// have arrived, while all flows are told, and arrived how many flows were told by then.
	batchSent uint64
	sent      []told
	arrived   uint64
	status    Status
}

// partner is what is known of the other tracker.
type partner struct {
	name     string
	instance uint64
	sequence uint32
	// latest and its time are those of its latest message.
	latest uint64
	heard  time.Time
	// full is when it had no room for a flow.
	full time.Time
	// least is by how much its clock is behind this one's, plus the shortest time that a
	// message took, in the last minute or two: clocks drift. next is that of this minute.
	least, next int64
	since       time.Time
	hello       hello
	// began is when its tracker began, by the hello that took the shortest time.
	began time.Time
}

// walk is where the round over the table is.
type walk struct {
	place int
	// began is when this round began, and before when the one before did.
	began, before time.Time
	// full: all own flows are told.
	full bool
}

// moved is a flow that went on here, and when it is told again.
type moved struct {
	key flow.ToldKey
	at  time.Time
}

// told is how many flows were told when a message was sent.
type told struct{ at, flows uint64 }

// Status is what a pair says of itself.
type Status struct {
	// Partner is the name of the other host, empty before it was heard.
	Partner string
	// Version is that of its program.
	Version string
	// Alive: it was heard within five seconds. Synced: it has told all of its flows.
	// SyncedThere: it says that it was told all of this one's.
	Alive, Synced, SyncedThere bool
	// Lag is how long a message takes there and back.
	Lag time.Duration
	// Messages, Bytes and Flows count what was sent.
	Messages, Bytes, Flows uint64
	// Received, Entered and Ended count what came.
	Received, Entered, Ended uint64
	// Lost counts messages that did not come, Refused flows that had no room here, and
	// RefusedThere those that had none at the partner. Full: some had none in the last minute.
	Lost, Refused, RefusedThere uint64
	Full                        bool
	// Conflicts counts flows that both trackers have under different IDs.
	Conflicts uint64
	// Damaged counts messages that cannot be read, OtherForm those of another version.
	Damaged, OtherForm uint64
	// Unread: a host sent one of these in the last minute, and none since that can be read.
	Unread bool
	// Differing is the number of shards in which the tables differed last, of 1,024.
	Differing int
	// Mended counts flows that were found missing or left over.
	Mended uint64
}

// New returns a pair that does nothing before Tick and Receive.
func New(o Options) *Pair {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pair{
		Options: o, instance: rand.Uint64() | 1, start: o.Now(), due: make(chan struct{}, 1), changed: map[flow.ToldKey]struct{}{},
		suspect: map[uint16]bool{}, open: newQuestions(),
	}
	return p
}

// Changed says that an own flow has begun or changed its state.
func (p *Pair) Changed(key flow.ToldKey) {
	p.queue.Lock()
	defer p.queue.Unlock()
	if len(p.changed) < queued {
		p.changed[key] = struct{}{}
	}
}

// Moved says that a flow of the partner goes on here.
func (p *Pair) Moved(key flow.ToldKey) {
	p.Changed(key)
	p.queue.Lock()
	defer p.queue.Unlock()
	if len(p.moved) < queued {
		p.moved = append(p.moved, moved{key, p.Now().Add(movedAgain)})
	}
}

// Ended says that an own flow has ended.
func (p *Pair) Ended(key flow.ToldKey, id flow.ID, reason flow.Reason) {
	p.queue.Lock()
	defer p.queue.Unlock()
	delete(p.changed, key)
	if len(p.ends) < queued {
		p.ends = append(p.ends, end{key, id, reason})
	}
}

// CaughtUp says that everything that had happened a moment ago was said: Tick is due.
func (p *Pair) CaughtUp() {
	select {
	case p.due <- struct{}{}:
	default: // it is
	}
}

// Due has a value when Tick is to be called before Next.
func (p *Pair) Due() <-chan struct{} { return p.due }

// Next returns after which time Tick is to be called at the latest.
func (p *Pair) Next() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.walk.full || p.alive(p.Now()) && !p.synced {
		return Every
	}
	return rarely
}

// taken returns the changes since the last call, and what is due to be told again.
func (p *Pair) taken(now time.Time) (changed map[flow.ToldKey]struct{}, ends []end) {
	p.queue.Lock()
	defer p.queue.Unlock()
	n := 0
	for n < len(p.moved) && !p.moved[n].at.After(now) {
		p.changed[p.moved[n].key] = struct{}{}
		n++
	}
	if p.moved = p.moved[n:]; len(p.moved) == 0 {
		p.moved = nil
	}
	changed, ends = p.changed, p.ends
	p.changed, p.ends = p.spare.changed, p.spare.ends
	if p.changed == nil {
		p.changed = map[flow.ToldKey]struct{}{}
	}
	p.spare.changed, p.spare.ends = nil, nil
	return changed, ends
}

// spares is of how many changes the memory is kept.
const spares = 1 << 10

// giveBack keeps the memory of changes that are told, unless it is much.
func (p *Pair) giveBack(changed map[flow.ToldKey]struct{}, ends []end) {
	p.queue.Lock()
	defer p.queue.Unlock()
	if len(changed) <= spares {
		clear(changed)
		p.spare.changed = changed
	}
	if cap(ends) <= spares {
		p.spare.ends = ends[:0]
	}
}

// Status returns the state of the pair.
func (p *Pair) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.status
	s.Partner, s.Version, s.Synced = p.partner.name, p.partner.hello.version, p.synced
	now := p.Now()
	s.Alive, s.Unread = p.alive(now), p.isUnread(now)
	s.RefusedThere, s.Full = uint64(p.partner.hello.refused), !p.partner.full.IsZero() && now.Sub(p.partner.full) < saidFor
	s.SyncedThere = p.partner.hello.synced
	return s
}

// Pair returns the state in the words of snapshots.
func (s *Status) Pair() flow.Pair {
	p := flow.Pair{State: flow.PairInSync, Partner: s.Partner, Lag: s.Lag, Full: s.Full, Unread: s.Unread}
	switch {
	case s.Partner == "":
		p.State = flow.PairAlone
	case !s.Alive:
		p.State = flow.PairAway
	case !s.Synced:
		p.State = flow.PairCatchingUp
	case !s.SyncedThere:
		p.State = flow.PairTelling
	}
	return p
}

func (p *Pair) alive(now time.Time) bool {
	return p.partner.instance != 0 && now.Sub(p.partner.heard) < gone
}

// clock returns this instance's own time, which messages carry.
func (p *Pair) clock(now time.Time) uint64 { return uint64(now.Sub(p.start)) }

// room reports whether the table has room for another flow of the partner.
func (p *Pair) room() bool { return p.present+p.entered < p.Capacity-p.Capacity/spareRoom }
