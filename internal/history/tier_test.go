package history

import (
	"fmt"
	"testing"
	"time"
	"unsafe"

	"ctop/tracker/flow"
)

// A store has half of its memory for the whole time, a quarter for the last quarter of it, and a
// quarter for the last fifteenth. A sixth of each is what it may save.
func TestTiers(t *testing.T) {
	for _, c := range []struct {
		o      Options
		span   time.Duration
		memory int
	}{
		{Options{}, 10 * time.Minute, 96 << 20},
		{Options{Span: -1, Memory: -1}, 10 * time.Minute, 96 << 20},
		{Options{Span: time.Hour, Memory: 4800}, time.Hour, 4800},
		{Options{Span: 60, Memory: 24}, 60, 24},
		{Options{Span: 1, Memory: 1}, 1, 1},
	} {
		s := NewStore(c.o)
		for i, want := range []struct {
			span   time.Duration
			memory int
		}{{c.span, c.memory / 2}, {c.span / 4, c.memory / 4}, {c.span / 15, c.memory / 4}} {
			tier := s.tiers[i]
			saved := want.memory / 6
			if tier.span != want.span || tier.memory != want.memory || tier.budget != want.memory-saved || tier.credit != float64(saved)/2 {
				t.Errorf("%+v: tier %d is %+v", c.o, i, tier)
			}
		}
	}
}

// A tier earns what it may add evenly over its time, and saves no more than half of what is
// spare.
func TestEarn(t *testing.T) {
	for _, c := range []struct {
		before float64
		passed time.Duration
		want   float64
	}{
		{0, 0, 0},
		{0, time.Second, 10},
		{-50, 3 * time.Second, -20},
		{0, -time.Second, 0}, // the clock was set
		{95, time.Second, 100},
		{90, time.Second, 100},
		{100, time.Hour, 100},
	} {
		tier := &tier{span: 100 * time.Second, memory: 1200, budget: 1000, credit: c.before, earned: start}
		if tier.earn(start.Add(c.passed)); tier.credit != c.want || !tier.earned.Equal(start.Add(c.passed)) {
			t.Errorf("%v, after %s: %v, want %v", c.before, c.passed, tier.credit, c.want)
		}
	}
	fresh := &tier{span: time.Second, memory: 1200, budget: 1000, credit: 7}
	if fresh.earn(start); fresh.credit != 7 || !fresh.earned.Equal(start) {
		t.Errorf("at first it earns %v", fresh.credit-7)
	}
}

// A snapshot goes to the longest tier that can afford it, which then has less.
func TestLongestTierFirst(t *testing.T) {
	for i, c := range []struct {
		credits [3]float64
		most    [3]int
		want    int
	}{
		{[3]float64{0, 0, 0}, [3]int{}, 0},
		{[3]float64{-1, 0, 0}, [3]int{}, 1},
		{[3]float64{-1, -1, 5}, [3]int{}, 2},
		{[3]float64{-1, -1, -1}, [3]int{}, -1},
		{[3]float64{9, 9, 9}, [3]int{50, 0, 0}, 1},
		{[3]float64{9, 9, 9}, [3]int{51, 0, 0}, 0},
		{[3]float64{9, 9, 9}, [3]int{1, 1, 1}, -1},
	} {
		s := NewStore(Options{})
		for j := range s.tiers {
			s.tiers[j].credit, s.tiers[j].most = c.credits[j], c.most[j]
		}
		s.add(newTable(50, 0, 0).second())
		for j, tier := range s.tiers {
			if got := len(tier.groups) > 0; got != (j == c.want) {
				t.Errorf("%d: tier %d has it: %t", i, j, got)
			} else if got && (tier.credit != c.credits[j]-float64(tier.size()) || tier.last == nil) {
				t.Errorf("%d: tier %d may add %v more", i, j, tier.credit)
			}
		}
	}
}

// A frame takes what it takes in memory.
func TestSizeOfFrames(t *testing.T) {
	f := frame{data: make([]byte, 100), head: flow.Snapshot{
		Interfaces: make([]flow.Interface, 3), Stalled: make([]bool, 5), Warnings: make(flow.Warnings, 2),
	}}
	want := 100 + 5 + int(unsafe.Sizeof(f)+3*unsafe.Sizeof(flow.Interface{})+2*unsafe.Sizeof(flow.Warning{}))
	if got := f.size(); got != want {
		t.Errorf("it takes %d bytes, want %d", got, want)
	}
}

// groupOf returns a group of so many frames, the first of one size and all of another.
func groupOf(n, first, all int, at time.Time) *group {
	g := &group{frames: []*frame{{data: make([]byte, first)}}}
	for len(g.frames) < n {
		g.frames = append(g.frames, new(frame))
	}
	g.frames[n-1].head.Time = at
	g.size = all
	return g
}

// A group is full when it is long, or its differences take as much as another whole snapshot.
func TestFullGroups(t *testing.T) {
	whole := (&frame{data: make([]byte, 1000)}).size()
	for i, c := range []struct {
		n, size int
		want    bool
	}{
		{1, whole, false},
		{longestGroup - 1, whole, false},
		{longestGroup, whole, true},
		{2, 2*whole - 1, false},
		{2, 2 * whole, true},
		{2, 3 * whole, true},
	} {
		if got := groupOf(c.n, 1000, c.size, start).full(); got != c.want {
			t.Errorf("%d: a group of %d frames and %d bytes is full: %t", i, c.n, c.size, got)
		}
	}
}

// A chain forgets the groups that ended too long ago, and drops the oldest ones until it is
// small enough. With the last one goes the snapshot that the next one would be encoded from.
func TestForgetAndShrink(t *testing.T) {
	full := func() *chain {
		c := &chain{last: new(flow.Snapshot)}
		for i := range 4 {
			c.groups = append(c.groups, groupOf(2, 0, 10, start.Add(time.Duration(i)*time.Second)))
		}
		return c
	}
	for i, c := range []struct {
		do   func(c *chain)
		left int
	}{
		{func(c *chain) { c.forget(start) }, 4},
		{func(c *chain) { c.forget(start.Add(1)) }, 3},
		{func(c *chain) { c.forget(start.Add(3 * time.Second)) }, 1},
		{func(c *chain) { c.forget(start.Add(3*time.Second + 1)) }, 0},
		{func(c *chain) { c.shrink(40) }, 4},
		{func(c *chain) { c.shrink(39) }, 3},
		{func(c *chain) { c.shrink(10) }, 1},
		{func(c *chain) { c.shrink(9) }, 0},
	} {
		x := full()
		if c.do(x); len(x.groups) != c.left || x.size() != 10*c.left || (x.last == nil) != (c.left == 0) {
			t.Errorf("%d: %d groups of %d bytes are left, the last snapshot %v", i, len(x.groups), x.size(), x.last)
		}
		if c.left > 0 && !x.groups[c.left-1].end().Equal(start.Add(3*time.Second)) {
			t.Errorf("%d: the latest group is gone", i)
		}
	}
}

// The next frame is a difference while there is a group with room and the snapshot before.
func TestDifferences(t *testing.T) {
	table := newTable(200, 0.1, 0)
	add := func(c *chain) time.Duration {
		s := table.second()
		f, g := c.encode(s)
		c.add(f, g)
		c.last = s
		if f.head.Flows != nil || f.head.Translations != nil {
			t.Error("a frame has the flows, too")
		}
		return f.passed
	}
	const step = time.Second + 137*time.Microsecond
	var c chain
	if add(&c) != 0 || add(&c) != step || len(c.groups) != 1 {
		t.Errorf("%d groups", len(c.groups))
	}
	c.last = nil
	if add(&c) != 0 || len(c.groups) != 2 {
		t.Errorf("without a snapshot before there are %d groups", len(c.groups))
	}
	c.groups[1].size = 1 << 30
	if add(&c) != 0 || len(c.groups) != 3 {
		t.Errorf("behind a full group there are %d groups", len(c.groups))
	}
	c.groups = nil
	if add(&c) != 0 || len(c.groups) != 1 {
		t.Errorf("when all are gone there are %d groups", len(c.groups))
	}
}

// What passed is what the kernel's clock says, where both have it and it goes on.
func TestPassed(t *testing.T) {
	for i, c := range []struct{ before, now, want time.Duration }{
		{0, 0, time.Second},
		{time.Minute, 0, time.Second},
		{0, time.Minute, time.Second},
		{time.Minute, time.Minute, time.Second},
		{time.Minute, 63 * time.Second, 3 * time.Second},
		{1, 2, 1},
	} {
		before := &flow.Snapshot{Time: start, Uptime: c.before}
		if got := passed(before, &flow.Snapshot{Time: start.Add(time.Second), Uptime: c.now}); got != c.want {
			t.Errorf("%d: %s passed, want %s", i, got, c.want)
		}
	}
}

// A snapshot nearby is what a later one is decoded from: what is before it is not read again.
func TestNear(t *testing.T) {
	table := newTable(200, 0.1, 0)
	var c chain
	var all []*flow.Snapshot
	for range 4 {
		s := table.second()
		f, g := c.encode(s)
		c.add(f, g)
		c.last = s
		all = append(all, s)
	}
	places := c.places()
	last := places[3]
	if got := last.decode(all[3]); got != all[3] {
		t.Error("a snapshot that is there is decoded again")
	}
	last[0], last[1] = &frame{head: last[0].head, data: []byte{0}}, &frame{head: last[1].head, data: []byte{0}}
	equalSnapshots(t, last.decode(all[1]), all[3])
}

// A snapshot is offered while there is something to do, is the one of before, or an older one:
// it is not added. One that is added is looked for only where it can be.
func TestOffersThatAreNotTaken(t *testing.T) {
	table := newTable(5, 0, 0)
	first, second := table.second(), table.second()
	later := start.Add(time.Hour)
	for i, c := range []struct {
		seen, offer, now *flow.Snapshot
		adding           bool
		from             time.Time
	}{
		{seen: first, offer: first, now: first},
		{seen: second, offer: first, now: second},
		{seen: second, offer: &flow.Snapshot{Time: second.Time}, now: second},
		{adding: true, offer: first, now: first},
		{from: later.Add(1), offer: first, now: first},
	} {
		s := NewStore(Options{})
		s.seen, s.adding, s.from, s.clock = c.seen, c.adding, c.from, func() time.Time { return later }
		s.Offer(c.offer)
		if s.adding != c.adding || s.seen != c.now {
			t.Errorf("%d: it is added", i)
		}
	}
	s := NewStore(Options{})
	s.clock, s.from = func() time.Time { return later }, later
	s.encoding.Lock() // so that it is not added yet
	s.Offer(first)
	if !s.adding {
		t.Error("it is not added when the rest is over")
	}
	s.encoding.Unlock()
	for s.busy() {
		time.Sleep(time.Millisecond)
	}
}

// A large snapshot is let go when its successor is there, one that takes a quarter of the memory
// or less is not.
func TestUnpin(t *testing.T) {
	of := &flow.Snapshot{Flows: make([]flow.Flow, 10)}
	quarter := 10 * int(unsafe.Sizeof(flow.Flow{}))
	for i, c := range []struct {
		memory int
		seen   *flow.Snapshot
		gone   bool
	}{{4 * quarter, nil, false}, {4*quarter - 4, nil, true}, {4*quarter - 4, of, false}} {
		s := NewStore(Options{Memory: c.memory})
		s.tiers[1].last, s.seen = of, c.seen
		if s.unpin(); (s.tiers[1].last == nil) != c.gone {
			t.Errorf("%d: it is gone: %t", i, s.tiers[1].last == nil)
		}
	}
}

// The snapshots of all tiers are in the order of their times, and each is what it was.
func TestTiersTogether(t *testing.T) {
	s, table := NewStore(Options{}), newTable(30, 0.5, 0)
	kept := map[string]*flow.Snapshot{}
	size := 0
	for i := range 30 {
		x := table.second()
		for j := range s.tiers {
			s.tiers[j].credit = -1e12
		}
		s.tiers[i%3].credit = 0
		s.add(x)
		kept[fmt.Sprint(x.Time)] = x
	}
	for _, tier := range s.tiers {
		if tier.size() == 0 || len(tier.places()) != 10 {
			t.Fatalf("a tier has %d snapshots", len(tier.places()))
		}
		size += tier.size()
	}
	if s.Size() != size {
		t.Errorf("it takes %d bytes, want %d", s.Size(), size)
	}
	times := s.Times()
	for i, at := range times[1:] {
		if !at.After(times[i]) {
			t.Fatalf("%s comes after %s", at, times[i])
		}
	}
	n := 0
	for x := range s.All() {
		equalSnapshots(t, x, kept[fmt.Sprint(times[n])])
		n++
	}
	if n != 30 {
		t.Errorf("there are %d snapshots", n)
	}
}

// A tape that is full keeps every other snapshot, and from then on one in so many.
func TestHalve(t *testing.T) {
	tape, table := NewTape(1<<30), newTable(200, 0.1, 0)
	var all []*flow.Snapshot
	for range 5 {
		all = append(all, table.second())
		tape.Add(all[len(all)-1])
	}
	tape.halve()
	for range 4 {
		all = append(all, table.second())
		tape.Add(all[len(all)-1])
	}
	times := tape.Times()
	if len(times) != 5 || tape.every != 2 {
		t.Fatalf("it has %d snapshots, one in %d", len(times), tape.every)
	}
	for i, at := range times {
		if want := all[2*i]; !at.Equal(want.Time) {
			t.Errorf("snapshot %d is of %s", i, at)
		}
		equalSnapshots(t, tape.At(at, nil), all[2*i])
	}
	if len(tape.chain.groups) != 1 {
		t.Errorf("it has %d groups", len(tape.chain.groups))
	}
}

// A tape in which nothing fits keeps one snapshot.
func TestTinyTape(t *testing.T) {
	tape, table := NewTape(1), newTable(20, 1, 0)
	for range 3 {
		tape.Add(table.second())
	}
	if n := len(tape.Times()); n != 1 {
		t.Errorf("it has %d snapshots", n)
	}
}
