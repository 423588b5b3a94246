package kernel

import (
	"math"
	"testing"
	"time"

	"ctop/tracker/flow"
)

func TestRates(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(seconds float64, total volume, flows ...flow.Flow) *flow.Snapshot {
		return &flow.Snapshot{
			Time:     start.Add(time.Duration(seconds * float64(time.Second))),
			Counters: flow.Counters{Packets: total.packets, Bytes: total.bytes},
			Flows:    flows,
		}
	}
	entry := func(id flow.ID, origin, reply volume) flow.Flow {
		return flow.Flow{
			ID:     id,
			Origin: flow.Half{Packets: origin.packets, Bytes: origin.bytes},
			Reply:  flow.Half{Packets: reply.packets, Bytes: reply.bytes},
		}
	}
	var r Rates
	first := at(0, vol(10, 1000), entry(1, vol(5, 500), vol(5, 500)))
	apply(&r, first)
	if first.PPS != 0 || first.BPS != 0 || first.Flows[0].Origin.PPS != 0 || first.Flows[0].BPS() != 0 {
		t.Errorf("the first snapshot has rates: %+v", first)
	}
	second := at(2, vol(30, 5000),
		entry(1, vol(15, 1500), vol(5, 500)),
		entry(2, vol(4, 400), vol(6, 2600)))
	apply(&r, second)
	if second.PPS != 10 || second.BPS != 16000 {
		t.Errorf("total %v packets, %v bits", second.PPS, second.BPS)
	}
	old, young := second.Flows[0], second.Flows[1]
	if old.Origin.PPS != 5 || old.Origin.BPS != 4000 || old.Reply.PPS != 0 || old.Reply.BPS != 0 {
		t.Errorf("flow %+v", old)
	}
	if young.Origin.PPS != 2 || young.Reply.BPS != 10400 {
		t.Errorf("a flow that has carried all since: %+v", young)
	}
	// The same tuple with another id is another flow; one that is gone is
	// forgotten.
	third := at(3, vol(31, 5100), entry(3, vol(1, 100), volume{}))
	apply(&r, third)
	if third.Flows[0].Origin.PPS != 1 || third.PPS != 1 || r.last.flows[1].id != 0 {
		t.Errorf("flow %+v, after it %+v", third.Flows[0], r.last.flows[1])
	}
	// Neither a clock that stands still nor counters that begin again make
	// rates that cannot be.
	still := at(3, vol(40, 6000), entry(3, vol(2, 200), volume{}))
	apply(&r, still)
	again := at(4, vol(1, 100), entry(3, vol(1, 100), volume{}))
	apply(&r, again)
	for _, s := range []*flow.Snapshot{still, again} {
		if s.PPS != 0 || s.BPS != 0 || s.Flows[0].Origin.PPS != 0 || s.Flows[0].Origin.BPS != 0 {
			t.Errorf("rates %+v", s)
		}
	}
}

func vol(packets, bytes uint64) volume { return volume{packets, bytes} }

// apply sets the rates of a snapshot whose flows have the first places.
func apply(r *Rates, s *flow.Snapshot) {
	r.begin(s, max(len(s.Flows), len(r.last.flows)))
	for place := range r.next.flows {
		if place < len(s.Flows) {
			r.set(place, &s.Flows[place])
		} else {
			r.forget(place)
		}
	}
	r.end()
}

// TestRatesOverAMoment has a snapshot that comes right after another, as the last
// one of a recording does: its rates are over the interval before, too.
func TestRatesOverAMoment(t *testing.T) {
	var r Rates
	at := time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)
	take := func(after time.Duration, packets uint64) *flow.Snapshot {
		s := &flow.Snapshot{
			Time: at.Add(after), Counters: flow.Counters{Packets: packets, Bytes: 1000 * packets},
			Flows: []flow.Flow{{ID: 1, Origin: flow.Half{Packets: packets, Bytes: 1000 * packets}}},
		}
		apply(&r, s)
		return s
	}
	take(0, 0)
	take(time.Second, 10)
	take(2*time.Second, 20)
	// A burst of five packets a twentieth of a second later: 100 a second, if
	// nothing but that moment counted.
	s := take(2050*time.Millisecond, 25)
	if want := 15 / 1.05; math.Abs(s.Flows[0].Origin.PPS-want) > 0.01 || math.Abs(s.PPS-want) > 0.01 {
		t.Errorf("%.1f and %.1f packets a second, want %.1f", s.Flows[0].Origin.PPS, s.PPS, want)
	}
	s = take(3050*time.Millisecond, 35)
	if want := 10.0; math.Abs(s.Flows[0].Origin.PPS-want) > 0.01 || math.Abs(s.PPS-want) > 0.01 {
		t.Errorf("%.1f and %.1f packets a second, want %.1f", s.Flows[0].Origin.PPS, s.PPS, want)
	}
}

// The first snapshot after a pause is compared with what was read just before it, not
// with a snapshot from before the pause.
func TestRatesAfterAPause(t *testing.T) {
	start := time.Unix(1000, 0)
	flows := func(packets uint64) []flow.Flow {
		return []flow.Flow{{ID: 1, Origin: flow.Half{Packets: packets, Bytes: 100 * packets}}}
	}
	var r Rates
	for i := range 3 {
		n := uint64(10 * i)
		apply(&r, &flow.Snapshot{
			Time: start.Add(time.Duration(i) * time.Second), Counters: flow.Counters{Packets: n}, Flows: flows(n),
		})
	}
	resumed := start.Add(time.Hour)
	r = Rates{last: volumes{resumed, vol(1000, 0), []flowVolume{{id: 1, origin: vol(1000, 100_000)}}}}
	s := &flow.Snapshot{
		Time: resumed.Add(250 * time.Millisecond), Counters: flow.Counters{Packets: 1005}, Flows: flows(1005),
	}
	apply(&r, s)
	if f := s.Flows[0]; s.PPS != 20 || f.Origin.PPS != 20 || f.Origin.BPS != 16_000 {
		t.Errorf("%v pps in all, %v of the flow, %v bps; want 20, 20, 16000", s.PPS, f.Origin.PPS, f.Origin.BPS)
	}
}

// A long interval, as of a process that was suspended, is in the rates of at most two
// snapshots. After that they are over the second before, as always.
func TestRatesAfterALongInterval(t *testing.T) {
	var r Rates
	start := time.Unix(1000, 0)
	var got []float64
	for _, second := range []int{0, 1, 2, 62, 63, 64, 65} {
		// It sends ten packets a second, and none from the minute on.
		n := uint64(10 * min(second, 62))
		s := &flow.Snapshot{
			Time: start.Add(time.Duration(second) * time.Second), Counters: flow.Counters{Packets: n},
			Flows: []flow.Flow{{ID: 1, Origin: flow.Half{Packets: n, Bytes: n}}},
		}
		apply(&r, s)
		if s.PPS != s.Flows[0].Origin.PPS {
			t.Errorf("second %d: %v packets a second in all, %v of the only flow", second, s.PPS, s.Flows[0].Origin.PPS)
		}
		got = append(got, s.PPS)
	}
	if got[5] != 0 || got[6] != 0 {
		t.Errorf("%v packets a second, want 0 from the sixth snapshot on", got)
	}
}

// A flow of the partner has no rates, although its volumes jump when they are told, and none
// for the first snapshot after it has come here.
func TestRatesOfInherited(t *testing.T) {
	start := time.Unix(1000, 0)
	var r Rates
	take := func(second int, packets uint64, inherited bool) flow.Half {
		f := flow.Flow{ID: 1, Age: time.Hour + time.Duration(second)*time.Second, Origin: flow.Half{Packets: packets, Bytes: 100 * packets}}
		f.Holding.Inherited = inherited
		s := &flow.Snapshot{Time: start.Add(time.Duration(second) * time.Second), Flows: []flow.Flow{f}}
		apply(&r, s)
		return s.Flows[0].Origin
	}
	for i, step := range []struct {
		packets   uint64
		inherited bool
		want      float64
	}{{1000, true, 0}, {6000, true, 0}, {9000, true, 0}, {9010, false, 0}, {9030, false, 20}, {9100, true, 0}, {9101, false, 0}} {
		if h := take(i, step.packets, step.inherited); h.PPS != step.want || h.BPS != 800*step.want {
			t.Errorf("snapshot %d: %+v", i, h)
		}
	}
}
