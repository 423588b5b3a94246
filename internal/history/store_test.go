package history

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// table is a table whose flows carry traffic.
type table struct {
	r   *rand.Rand
	now *flow.Snapshot
	// active is the share of the flows that carry something each second, churn that of
	// those that are replaced.
	active, churn float64
}

func newTable(n int, active, churn float64) *table {
	t := &table{r: rand.New(rand.NewPCG(1, uint64(n))), active: active, churn: churn}
	t.now = &flow.Snapshot{Time: start, Uptime: time.Hour, MaxFlows: 2 * n, Interfaces: make([]flow.Interface, 2), Stalled: make([]bool, 2)}
	for range n {
		t.now.Flows = append(t.now.Flows, t.flow())
	}
	return t
}

func (t *table) flow() flow.Flow {
	f := flow.Flow{ID: flow.ID(t.r.Uint64() | 1), State: flow.StateEstablished, TimeoutName: flow.TCPEstablished, Timeout: 5 * 24 * time.Hour}
	address := func() netip.Addr {
		return netip.AddrFrom4([4]byte{10, byte(t.r.IntN(4)), byte(t.r.Uint32()), byte(t.r.Uint32())})
	}
	f.Tuple = flow.Tuple{
		Proto: flow.ProtocolTCP,
		Src:   flow.EndFrom(address(), uint16(32768+t.r.IntN(28000))), Dst: flow.EndFrom(address(), [...]uint16{443, 80, 53}[t.r.IntN(3)]),
	}
	f.Age = time.Duration(t.r.IntN(1e9)) * time.Microsecond
	f.Origin.RTT, f.Reply.RTT = time.Duration(t.r.IntN(50000))*time.Microsecond, time.Duration(t.r.IntN(50000))*time.Microsecond
	f.Origin.WindowKnown, f.Reply.WindowKnown = true, true
	return f
}

// second lets a second pass.
func (t *table) second() *flow.Snapshot {
	s := *t.now
	const step = time.Second + 137*time.Microsecond
	s.Time, s.Uptime = s.Time.Add(step), s.Uptime+step
	s.Flows = slices.Clone(t.now.Flows)
	for i := range s.Flows {
		f := &s.Flows[i]
		if t.r.Float64() < t.churn {
			*f = t.flow()
			f.Age = time.Duration(t.r.IntN(1e6)) * time.Microsecond
		}
		f.Age, f.Idle = f.Age+step, f.Idle+step
		f.Origin.PPS, f.Origin.BPS, f.Reply.PPS, f.Reply.BPS = 0, 0, 0, 0
		if t.r.Float64() >= t.active {
			continue
		}
		f.Idle = time.Duration(t.r.IntN(250)) * 4 * time.Millisecond
		for _, h := range [...]*flow.Half{&f.Origin, &f.Reply} {
			old := *h
			packets := uint64(1 + t.r.IntN(300))
			h.Packets, h.Bytes = h.Packets+packets, h.Bytes+packets*uint64(60+t.r.IntN(1440))
			h.Window, h.InFlight = uint32(t.r.IntN(1<<16)), uint32(t.r.IntN(20))*1448
			h.PPS, h.BPS = rates(&old, h, step)
		}
	}
	t.now = &s
	return t.now
}

// Ten minutes stay within the memory, whatever the table does, and the oldest snapshot is
// always from the beginning of them.
func TestBounds(t *testing.T) {
	for _, c := range []struct {
		flows         int
		active, churn float64
		memory        int
		// most is the longest time between two snapshots, early and late in the ten
		// minutes.
		late, early time.Duration
	}{
		{1000, 0.2, 0.01, 0, 2 * time.Second, 2 * time.Second},
		{1000, 1, 0.01, 4 << 20, 10 * time.Second, 30 * time.Second},
		{1000, 1, 1, 4 << 20, 20 * time.Second, time.Minute},
	} {
		t.Run(fmt.Sprintf("%d_%v_%v", c.flows, c.active, c.churn), func(t *testing.T) {
			s := NewStore(Options{Memory: c.memory})
			table := newTable(c.flows, c.active, c.churn)
			for range 1300 {
				s.add(table.second())
				if size := s.Size(); size > s.options.Memory {
					t.Fatalf("it takes %d bytes", size)
				}
			}
			times, now := s.Times(), table.now.Time
			if first := now.Sub(times[0]); first < DefaultSpan-c.early-time.Minute {
				t.Errorf("the first of %d is of %s ago", len(times), first)
			}
			times = append(times, now)
			for i := range times[1:] {
				gap, most := times[i+1].Sub(times[i]), c.early
				if now.Sub(times[i]) < DefaultSpan/15 {
					most = c.late
				}
				if gap > most {
					t.Errorf("nothing is kept for %s, %s ago", gap, now.Sub(times[i]))
				}
			}
			t.Logf("%d snapshots, %d bytes", len(times)-1, s.Size())
		})
	}
}

// Snapshots that are offered are kept, in the background.
func TestOffer(t *testing.T) {
	s := NewStore(Options{})
	s.Offer(nil)
	table := newTable(50, 0.5, 0.1)
	for i := range 5 {
		x := table.second()
		s.Offer(x)
		s.Offer(x) // as other consoles do
		for len(s.Times()) <= i || s.busy() {
			runtime.Gosched()
		}
		s.mu.Lock()
		s.from = time.Time{}
		s.mu.Unlock()
		equalSnapshots(t, s.At(x.Time, nil), x)
	}
	times := s.Times()
	if s.At(times[0].Add(-1), nil) != nil || !s.At(times[1].Add(-1), nil).Time.Equal(times[0]) {
		t.Error("another snapshot than the one of that time")
	}
}

// A large snapshot does not stay in memory for the next one to be encoded from, once there
// is a later one.
func TestLargeSnapshotIsLetGo(t *testing.T) {
	s := NewStore(Options{Memory: 1 << 20})
	table := newTable(2000, 0, 0)
	first := table.second()
	s.Add(first)
	if len(s.Times()) != 1 || s.tiers[0].last != first {
		t.Fatal("the first snapshot is not kept")
	}
	s.from = first.Time.Add(100 * 365 * 24 * time.Hour) // it has too much to do for the next one
	if s.Offer(table.second()); s.tiers[0].last != nil {
		t.Error("the first snapshot is still in memory")
	}
}

// A snapshot that does not fit is not tried again and again.
func TestTooLarge(t *testing.T) {
	s := NewStore(Options{Memory: 1 << 14})
	table := newTable(2000, 0.5, 0.1)
	for range 300 {
		s.Add(table.second())
	}
	if n := len(s.Times()); n != 0 {
		t.Errorf("%d snapshots are kept", n)
	}
	for _, tier := range s.tiers {
		if tier.most != 2000 {
			t.Errorf("the limit is %d flows", tier.most)
		}
	}
}

// All snapshots come in order, as they were.
func TestAll(t *testing.T) {
	s := NewStore(Options{Memory: 1 << 20})
	table := newTable(300, 0.5, 0.1)
	kept := map[time.Time]*flow.Snapshot{}
	for range 200 {
		x := table.second()
		s.Add(x)
		s.Add(x)
		kept[x.Time] = x
	}
	times := s.Times()
	for x := range s.All() {
		if len(times) == 0 || !x.Time.Equal(times[0]) {
			t.Fatalf("a snapshot of %s comes before %d others", x.Time, len(times))
		}
		times = times[1:]
		equalSnapshots(t, x, kept[x.Time])
	}
	if len(times) > 0 {
		t.Errorf("%d snapshots are left out", len(times))
	}
	for range s.All() {
		break
	}
}

// When nobody offers anything any more, nothing stays.
func TestIdle(t *testing.T) {
	s := NewStore(Options{})
	now := start
	s.clock = func() time.Time { return now }
	table := newTable(50, 0.5, 0.1)
	x := table.second()
	s.Offer(x)
	for len(s.Times()) == 0 {
		runtime.Gosched()
	}
	for s.busy() {
		runtime.Gosched()
	}
	now = now.Add(time.Minute)
	if s.idle(); s.seen == x || s.tiers[0].last != nil || len(s.Times()) != 1 {
		t.Errorf("after a minute it has %d snapshots, and %p", len(s.Times()), s.tiers[0].last)
	}
	now = now.Add(DefaultSpan)
	if s.idle(); len(s.Times()) != 0 || s.rest != nil {
		t.Errorf("after ten minutes it has %d snapshots", len(s.Times()))
	}
}

func (s *Store) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.adding
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkTenMinutes keeps ten minutes of a table, and says what that takes.
func BenchmarkTenMinutes(b *testing.B) {
	for _, c := range []struct {
		flows         int
		active, churn float64
	}{{1 << 10, 0.2, 0.01}, {100_000, 0.05, 0.002}, {100_000, 0.2, 0.01}, {100_000, 1, 0.01}, {1 << 20, 0.2, 0.01}} {
		b.Run(fmt.Sprintf("flows=%d/active=%v/churn=%v", c.flows, c.active, c.churn), func(b *testing.B) {
			for range b.N {
				tenMinutes(b, c.flows, c.active, c.churn)
			}
		})
	}
}

func tenMinutes(b *testing.B, flows int, active, churn float64) {
	t := newTable(flows, active, churn)
	before := heap()
	s := NewStore(Options{})
	var took time.Duration
	var most uint64
	const seconds = 600
	for i := range seconds {
		x := t.second()
		began := time.Now()
		s.add(x)
		took += time.Since(began)
		if i%60 == 59 {
			most = max(most, heap()-before)
		}
	}
	places := s.places()
	began := time.Now()
	x := places[len(places)/2].decode(nil)
	decoding := time.Since(began)
	b.ReportMetric(float64(len(places)), "snapshots")
	b.ReportMetric(float64(s.Size())/1e6, "MB")
	b.ReportMetric(float64(most)/1e6, "heap-MB")
	b.ReportMetric(float64(took.Milliseconds())/seconds, "ms/snapshot")
	b.ReportMetric(float64(decoding.Milliseconds()), "ms/look")
	runtime.KeepAlive(x)
	runtime.KeepAlive(t)
}
