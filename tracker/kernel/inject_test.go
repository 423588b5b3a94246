package kernel

import (
	"errors"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"ctop/internal/frame"
	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// injected returns a table with a clock of the test's own, and a queue of its events.
func injected(t *testing.T) (*Objects, *Table, *Queue, Clock) {
	t.Helper()
	return injectedWith(t, Options{})
}

func injectedWith(t *testing.T, o Options) (*Objects, *Table, *Queue, Clock) {
	t.Helper()
	lab.Require(t)
	o.MaxFlows, o.InjectedClock = 100, true
	k, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	table := NewReplayTable(k, time.Millisecond)
	c := Clock{Ticks: 1 << 32, Ns: 1 << 40, Tick: time.Millisecond, Wall: time.Unix(1e9, 0)}
	table.SetSide(0, true)
	q, err := table.NewQueue(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	if err := errors.Join(table.PrepareInjection(), table.Configure(flow.PolicyObserve, flow.DefaultTimeouts()), table.SetClock(c)); err != nil {
		t.Fatal(err)
	}
	return k, table, q, c
}

// datagram goes between two ends, or back.
func datagram(back bool) []byte {
	f := frame.Frame{
		Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Proto: frame.ProtoUDP,
		L4: frame.Datagram(40000, 53, 20),
	}
	if back {
		f = f.Reply(frame.Datagram(53, 40000, 20))
	}
	return f.Bytes()
}

func next(t *testing.T, q *Queue, c Clock) (*flow.Event, uint64) {
	t.Helper()
	e, lost, err := q.Next(c)
	if err != nil {
		t.Fatal(err)
	}
	return e, lost
}

// TestInjected follows a flow that is answered, by sides that are known.
func TestInjected(t *testing.T) {
	_, table, q, c := injected(t)
	if e, _ := next(t, q, c); e != nil {
		t.Fatalf("an event before the first packet: %+v", e)
	}
	for _, side := range []int{0, 0, 1} {
		table.SetSide(side, true)
		if err := errors.Join(table.SetClock(c), table.Inject(datagram(side == 1))); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []struct {
		kind flow.EventType
		to   flow.State
		by   flow.Direction
	}{{flow.EventNew, flow.StateNew, flow.Origin}, {flow.EventUpdate, flow.StateEstablished, flow.Reply}} {
		e, lost := next(t, q, c)
		if e == nil || e.Type != want.kind || e.To != want.to || e.Direction != want.by || lost != 0 || !e.Time.Equal(c.Wall) {
			t.Errorf("%+v, %d lost, want %+v", e, lost, want)
		}
	}
	if e, _ := next(t, q, c); e != nil {
		t.Errorf("one event too many: %+v", e)
	}
	s, err := table.Read(c, nil)
	if err != nil || len(s.Flows) != 1 || s.Flows[0].Origin.Packets != 2 || s.Flows[0].Reply.Packets != 1 || s.Flows[0].In != 0 {
		t.Errorf("%+v, error %v", s, err)
	}
}

// TestUnknownSides answers on the side of the question: with sides that are known that is
// no answer.
func TestUnknownSides(t *testing.T) {
	for known, want := range map[bool]flow.State{true: flow.StateNew, false: flow.StateEstablished} {
		_, table, _, c := injected(t)
		table.SetSide(1, known)
		if err := errors.Join(table.SetClock(c), table.Inject(datagram(false)), table.Inject(datagram(true))); err != nil {
			t.Fatal(err)
		}
		s, err := table.Read(c, nil)
		if err != nil || len(s.Flows) != 1 || s.Flows[0].State != want {
			t.Errorf("sides known %t: %+v, error %v", known, s.Flows, err)
		}
	}
}

func TestInjectedLength(t *testing.T) {
	_, table, _, _ := injected(t)
	for size, fits := range map[int]bool{minFrame - 1: false, minFrame: true, 1 << 24: false} {
		if err := table.Inject(make([]byte, size)); fits != (err == nil) || err != nil && !errors.Is(err, ErrLength) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// TestQueueCountsWhatIsMissing has no room for most events.
func TestQueueCountsWhatIsMissing(t *testing.T) {
	lab.OnOneProcessor(t) // each counts its own
	_, table, _, c := injected(t)
	small, err := table.NewQueue(4096)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = small.Close() }()
	const made = 80
	inject := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			f := frame.Frame{
				Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Proto: frame.ProtoUDP,
				L4: frame.Datagram(uint16(1000+i), 53, 20),
			}
			if err := table.Inject(f.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
	}
	drain := func() (read, lost uint64) {
		t.Helper()
		for {
			e, missing := next(t, small, c)
			if e == nil {
				return read, lost
			}
			read, lost = read+1, lost+missing
		}
	}
	inject(0, made-1)
	read, lost := drain()
	if read == 0 || read >= made-1 || lost != 0 {
		t.Fatalf("%d read, %d lost in between", read, lost)
	}
	inject(made-1, made)
	if more, missing := drain(); more != 1 || read+more+missing != made {
		t.Errorf("%d and %d read, %d lost, of %d", read, more, missing, made)
	}
}

func TestEventSizes(t *testing.T) {
	size := int(unsafe.Sizeof(kernelEvent{}))
	short, other := int(shortEvents()[0]), int(shortEvents()[1])
	for n, fits := range map[int]bool{
		short - 1: false, short: true, short + 7: true, short + 8: false,
		other - 1: false, other: true, other + 7: true, other + 8: false,
		size - 1: false, size: true, size + 7: true, size + 8: false, 0: false,
	} {
		if e, err := eventFromSample(make([]byte, n)); fits != (err == nil) || fits != (e != nil) {
			t.Errorf("%d bytes of %d: error %v", n, size, err)
		}
	}
}

// TestOwnPrograms tells a tracker's programs from others of its own.
func TestOwnPrograms(t *testing.T) {
	k, _, _, _ := injected(t)
	for name, p := range k.programs() {
		if *p == nil {
			continue
		}
		info, err := (*p).Info()
		if err != nil {
			t.Fatal(err)
		}
		id, _ := info.ID()
		want := name == xdpProgram || name == tcProgram
		if IsOwn(id) != want || k.Has(id) != want {
			t.Errorf("%s is a tracker's: %t, and this one's: %t", name, IsOwn(id), k.Has(id))
		}
	}
	if IsOwn(1<<30) || k.Has(1<<30) {
		t.Error("a program that is not there is a tracker's")
	}
}

// TestReplace exchanges programs, all of them or those for packets.
func TestReplace(t *testing.T) {
	a, _, _, _ := injected(t)
	b, _, _, _ := injected(t)
	for _, all := range []bool{false, true} {
		before, others := a.programs(), b.programs()
		want := map[string]bool{}
		mine := map[string]any{}
		for name, p := range before {
			if *p == nil {
				continue
			}
			mine[name] = *p
			want[name] = all || name == xdpProgram || name == tcProgram
			if *p == *others[name] {
				t.Fatal("the same program twice")
			}
		}
		a.Replace(b, all)
		for name, p := range b.programs() {
			if *p == nil {
				continue
			}
			if got := mine[name] == any(*p); got != want[name] {
				t.Errorf("all %t: %s was exchanged: %t", all, name, got)
			}
		}
	}
}
