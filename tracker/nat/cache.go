package nat

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

const (
	// renewAfter is the time between two readings of all translations.
	renewAfter = time.Second
	// idleShare is how much longer than the processor time that it took a reading is good
	// for, so that many translations do not keep a core busy.
	idleShare = 19
)

// Cache has all translations, as of late. Reading them is left to whoever wants them, so
// it costs nothing while nobody does.
type Cache struct {
	mu    sync.Mutex
	known translations
	// published is known, for those who do not wait for a reading.
	published atomic.Pointer[translations]
	// some has the marks of the tuples in known: most flows that are not translated
	// have none of them.
	some [1 << 16 / 64]uint64
	// list are the tuples that snapshots refer to by index, and indices their
	// indexes, counted from one.
	list    []flow.Tuple
	indices map[flow.Tuple]uint32
	// told is what was found out for flows since the last reading, zero if they are
	// not translated.
	told map[flow.ID]uint32
	// until is when to read again, cost the processor time of the last reading, and of the
	// looking up since.
	until time.Time
	cost  time.Duration
}

// Apply says in the flows of a snapshot how they are translated.
func (c *Cache) Apply(s *flow.Snapshot) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.renew()
	if len(c.known) == 0 {
		return err
	}
	before := len(c.told)
	cost := costOf(func() {
		for i := range s.Flows {
			if f := &s.Flows[i]; c.may(&f.Tuple) {
				f.NAT = c.of(f)
			}
		}
	})
	s.Translations = slices.Clip(c.list)
	if len(c.told) > before {
		c.spend(cost)
	}
	return err
}

// costOf returns the processor time that something takes. It takes no longer on a busy
// machine, where a reading would else be good for half a minute.
func costOf(do func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	used := func() time.Duration {
		var u unix.Rusage
		_ = unix.Getrusage(unix.RUSAGE_THREAD, &u) // it cannot fail (getrusage(2))
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	do()
	return used() - before
}

// of returns the index of a flow's other half, counted from one.
func (c *Cache) of(f *flow.Flow) (index uint32) {
	index, known := c.told[f.ID]
	if known {
		return index
	}
	if there, ok := c.known.of(f.Tuple); ok {
		if index = c.indices[there]; index == 0 {
			c.list = append(c.list, there)
			index = uint32(len(c.list))
			c.indices[there] = index
		}
	}
	c.told[f.ID] = index
	return index
}

// fewest is how many tuples the list keeps that no flow refers to.
const fewest = 1024

// renew reads all translations again when it is time. If they cannot be read, the last
// ones stay.
func (c *Cache) renew() error {
	if time.Now().Before(c.until) {
		return nil
	}
	var all translations
	var err error
	c.cost = 0
	c.spend(costOf(func() { all, err = readAll() }))
	if err != nil {
		return err
	}
	c.known, c.told = all, map[flow.ID]uint32{}
	c.published.Store(&all)
	clear(c.some[:])
	for here := range all {
		c.some[mark(&here)/64] |= 1 << (mark(&here) % 64)
	}
	if c.indices == nil || len(c.list) > 2*len(all)+fewest {
		c.list, c.indices = nil, map[flow.Tuple]uint32{}
	}
	return nil
}

// Renew reads all translations again if it is time.
func (c *Cache) Renew() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.renew()
}

// Of returns the other half of a flow, as the last reading has it. It never waits.
func (c *Cache) Of(t flow.Tuple) (there flow.Tuple, ok bool) {
	known := c.published.Load()
	if known == nil || len(*known) == 0 {
		return flow.Tuple{}, false
	}
	return known.of(t)
}

// spend puts off the next reading for what this one has cost.
func (c *Cache) spend(d time.Duration) {
	c.cost += d
	c.until = time.Now().Add(max(renewAfter, idleShare*c.cost))
}

// may reports whether a tuple may be translated.
func (c *Cache) may(t *flow.Tuple) bool {
	return c.some[mark(t)/64]&(1<<(mark(t)%64)) != 0
}

// mark returns a number that many tuples share, but a tuple and its reverse always.
func mark(t *flow.Tuple) uint16 { return t.Src.Port() ^ t.Dst.Port() ^ t.ICMPID ^ uint16(t.Proto) }
