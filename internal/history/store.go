package history

import (
	"iter"
	"slices"
	"sync"
	"time"
	"unsafe"

	"ctop/tracker/flow"
)

// The defaults of [Options].
const (
	DefaultSpan   = 10 * time.Minute
	DefaultMemory = 96 << 20
)

// Options configure a store. All zero values are valid.
type Options struct {
	// Span is how long snapshots are kept. 0 means ten minutes.
	Span time.Duration
	// Memory is how many bytes they take at most. 0 means 96 MiB.
	Memory int
}

// Store keeps the snapshots that are offered to it. Its methods are safe for concurrent
// use.
type Store struct {
	options Options
	clock   func() time.Time

	mu    sync.Mutex
	tiers []*tier // the longest first
	// adding is set while a snapshot is added in the background.
	adding bool
	// seen is the snapshot that was offered last, at offered.
	seen    *flow.Snapshot
	offered time.Time
	// from is when snapshots are taken again.
	from time.Time
	rest *time.Timer

	// encoding is held while a snapshot is added.
	encoding sync.Mutex
}

// tier is a chain that lasts for a time, with the bytes that it may add.
type tier struct {
	chain
	span time.Duration
	// memory is what it may take, budget what it may add in its time.
	memory, budget int
	// credit is what it may add now, as of the time of a snapshot.
	credit float64
	earned time.Time
	// most is how many flows a snapshot must not have, since one that had as many did
	// not fit. It is zero before.
	most int
}

const (
	// idleShare is how much longer than a snapshot takes to add the store rests.
	idleShare = 20
	// idleAfter is how long after the last offer the store drops what only the next
	// one would need.
	idleAfter = 15 * time.Second
	// spare is the part of its budget that a tier may save.
	spare = 6
)

// NewStore returns an empty store.
func NewStore(o Options) *Store {
	if o.Span <= 0 {
		o.Span = DefaultSpan
	}
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	s := &Store{options: o, clock: time.Now}
	for _, part := range [...]struct {
		span   time.Duration
		memory int
	}{{o.Span, o.Memory / 2}, {o.Span / 4, o.Memory / 4}, {o.Span / 15, o.Memory / 4}} {
		budget := part.memory - part.memory/spare
		s.tiers = append(s.tiers, &tier{span: part.span, memory: part.memory, budget: budget, credit: float64(part.memory-budget) / 2})
	}
	return s
}

// Offer gives a snapshot to the store, which adds it in the background, or not if it has
// it, or had too much to do. Snapshots must not be changed any more.
func (s *Store) Offer(of *flow.Snapshot) {
	if of == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if of == s.seen || s.seen != nil && !of.Time.After(s.seen.Time) {
		return
	}
	now := s.clock()
	s.seen, s.offered = of, now
	if s.encoding.TryLock() { // or add does so
		s.unpin()
		s.encoding.Unlock()
	}
	if s.rest == nil {
		s.rest = time.AfterFunc(idleAfter, s.idle)
	}
	if s.adding || now.Before(s.from) {
		return
	}
	s.adding = true
	go s.addOffered(of)
}

// addOffered adds a snapshot, and rests.
func (s *Store) addOffered(of *flow.Snapshot) {
	began := s.clock()
	s.add(of)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	s.from, s.adding = now.Add(idleShare*now.Sub(began)), false
}

// Add adds a snapshot, and returns when it has.
func (s *Store) Add(of *flow.Snapshot) {
	s.mu.Lock()
	later := s.seen == nil || of.Time.After(s.seen.Time)
	if later {
		s.seen, s.offered = of, s.clock()
	}
	s.mu.Unlock()
	if later {
		s.add(of)
	}
}

// add adds a snapshot to the longest tier that can afford it.
func (s *Store) add(of *flow.Snapshot) {
	s.encoding.Lock()
	defer s.encoding.Unlock()
	s.mu.Lock()
	s.forget(of.Time)
	var to *tier
	for _, t := range s.tiers {
		if t.earn(of.Time); to == nil && t.credit >= 0 && (t.most == 0 || len(of.Flows) < t.most) {
			to = t
		}
	}
	s.mu.Unlock()
	if to == nil {
		return
	}
	f, g := to.encode(of)
	s.mu.Lock()
	defer s.mu.Unlock()
	to.credit -= float64(to.add(f, g))
	to.last = of
	if to.shrink(to.memory); len(to.groups) == 0 {
		to.most = len(of.Flows)
	}
	s.unpin()
}

// earn gives a tier what it may add since the last time.
func (t *tier) earn(at time.Time) {
	if passed := at.Sub(t.earned); !t.earned.IsZero() && passed > 0 {
		t.credit += float64(t.budget) * passed.Seconds() / t.span.Seconds()
		t.credit = min(t.credit, float64(t.memory-t.budget)/2)
	}
	t.earned = at
}

// forget drops what is too old at a time.
func (s *Store) forget(at time.Time) {
	for _, t := range s.tiers {
		t.forget(at.Add(-t.span))
	}
}

// unpin lets go of snapshots from which the next ones would be encoded, if they take more
// memory than that would save. The one that was offered last is in use anyway.
func (s *Store) unpin() {
	for _, t := range s.tiers {
		if t.last != nil && t.last != s.seen && len(t.last.Flows)*int(unsafe.Sizeof(flow.Flow{})) > s.options.Memory/4 {
			t.last = nil
		}
	}
}

// idle drops what is no longer needed when nothing is offered: first the snapshots that
// are not encoded, then those that are too old.
func (s *Store) idle() {
	s.encoding.Lock()
	defer s.encoding.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	since := s.clock().Sub(s.offered)
	if since < idleAfter {
		s.rest.Reset(idleAfter - since)
		return
	}
	if s.seen != nil {
		s.forget(s.seen.Time.Add(since))
		for _, t := range s.tiers {
			t.last = nil
		}
		s.seen = &flow.Snapshot{Time: s.seen.Time}
	}
	if s.size() == 0 && !s.adding {
		s.rest = nil
		return
	}
	s.rest.Reset(time.Minute)
}

// places returns where all snapshots are, the oldest first.
func (s *Store) places() []place {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []place
	for _, t := range s.tiers {
		list = append(list, t.places()...)
	}
	slices.SortFunc(list, func(a, b place) int { return a.time().Compare(b.time()) })
	return list
}

// Times returns when the kept snapshots were taken, the oldest first.
func (s *Store) Times() []time.Time { return timesOf(s.places()) }

// At returns the newest snapshot that is not younger than a time, nil if there is none.
// near is any snapshot of the store: if it is shortly before, that saves work. It may be
// nil.
func (s *Store) At(at time.Time, near *flow.Snapshot) *flow.Snapshot {
	return find(s.places(), at, near)
}

// All returns the kept snapshots, the oldest first. Those that are added meanwhile are not
// among them.
func (s *Store) All() iter.Seq[*flow.Snapshot] {
	return func(yield func(*flow.Snapshot) bool) {
		// The last snapshot of each chain is near the next one of that chain.
		near := map[*frame]*flow.Snapshot{}
		for _, p := range s.places() {
			if len(p) == 1 && len(near) > len(s.tiers) {
				clear(near)
			}
			x := p.decode(near[p[0]])
			near[p[0]] = x
			if !yield(x) {
				return
			}
		}
	}
}

// Size returns how many bytes the snapshots take.
func (s *Store) Size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size()
}

func (s *Store) size() (size int) {
	for _, t := range s.tiers {
		size += t.size()
	}
	return size
}
