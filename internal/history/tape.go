package history

import (
	"slices"
	"sync"
	"time"

	"ctop/tracker/flow"
)

// Tape keeps snapshots from the beginning to the end of a recording. When they take too
// much memory, every other one goes. Its methods are safe for concurrent use.
type Tape struct {
	memory int

	mu    sync.Mutex
	chain chain
	// every is which snapshots are kept, one in so many. added counts them all.
	every, added int
}

// tapeMemory is how many bytes the snapshots of a recording take at most. A replay has no
// table beside them.
const tapeMemory = 160 << 20

// NewTape returns an empty tape. It takes so many bytes at most, or 160 MiB if that is 0.
func NewTape(memory int) *Tape {
	if memory <= 0 {
		memory = tapeMemory
	}
	return &Tape{memory: memory, every: 1}
}

// Offer does nothing: snapshots are added before they are shown.
func (t *Tape) Offer(*flow.Snapshot) {}

// Add adds a snapshot that is later than the others.
func (t *Tape) Add(s *flow.Snapshot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.added++; (t.added-1)%t.every != 0 {
		return
	}
	t.append(s)
	for t.chain.size() > t.memory && len(t.chain.places()) > 1 {
		t.halve()
	}
}

func (t *Tape) append(s *flow.Snapshot) {
	f, g := t.chain.encode(s)
	t.chain.add(f, g)
	t.chain.last = s
}

// halve drops every other snapshot.
func (t *Tape) halve() {
	old := t.chain.places()
	t.chain, t.every = chain{}, 2*t.every
	var near *flow.Snapshot
	for i, p := range old {
		if near = p.decode(near); i%2 == 0 {
			t.append(near)
		}
	}
}

func (t *Tape) places() []place {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.chain.places()
}

// Times returns when the kept snapshots were taken, the oldest first.
func (t *Tape) Times() []time.Time { return timesOf(t.places()) }

// At is [Store.At].
func (t *Tape) At(at time.Time, near *flow.Snapshot) *flow.Snapshot {
	return find(t.places(), at, near)
}

func timesOf(list []place) []time.Time {
	var times []time.Time
	for _, p := range list {
		times = append(times, p.time())
	}
	return times
}

// find returns the newest snapshot that is not younger than a time, nil if there is none.
func find(list []place, at time.Time, near *flow.Snapshot) *flow.Snapshot {
	i, found := slices.BinarySearchFunc(list, at, func(p place, at time.Time) int { return p.time().Compare(at) })
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	return list[i].decode(near)
}
