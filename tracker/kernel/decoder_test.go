package kernel

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"ctop/bpf"
	"ctop/tracker/flow"
)

// entries returns places with flows and without. One in holes is empty or has expired.
func entries(n, holes int, c Clock) []kernelFlow {
	random := rand.New(rand.NewPCG(1, 2))
	places := make([]kernelFlow, n)
	for i := range places {
		v := &places[i]
		v.Key = kernelKey{Family: 4, Proto: uint8(flow.ProtocolUDP), Port: [2]uint16{uint16(i), uint16(i >> 16)}}
		v.Id = uint64(i + 1)
		v.Control = v.Id<<32 | uint64(bpf.ConntrackFlowStateSTATE_ESTABLISHED)
		v.Origin.LastSeenTicks = c.Ticks
		v.Origin.Packets, v.Origin.Bytes = random.Uint64N(10), random.Uint64N(1000)
		switch random.IntN(2 * holes) {
		case 0:
			v.Control = v.Id << 32
		case 1:
			v.Origin.LastSeenTicks = 0
		}
	}
	return places
}

// Several processors read the same flows, in the same order and with the same rates, as
// one does.
func TestDecoders(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	clock := Clock{Tick: time.Millisecond, Ticks: 3_600_000, Wall: time.Unix(1000, 0)}
	timeouts := flow.DefaultTimeouts()
	for _, holes := range []int{2, 20, 1000} {
		places := entries(2*alone+5, holes, clock)
		type result struct {
			flows   []flow.Flow
			waiting int
		}
		var want result
		for _, processors := range []int{1, 2, 7} {
			runtime.GOMAXPROCS(processors)
			var rates Rates
			var got result
			for second := range 2 {
				for i := range places {
					places[i].Reply.Packets = uint64(second * i)
				}
				s := &flow.Snapshot{Time: clock.Wall.Add(time.Duration(second) * time.Second)}
				rates.begin(s, len(places))
				d := decoder{table: &Table{objects: &Objects{mapping: new(mapping)}}, clock: clock, timeouts: &timeouts, rates: &rates}
				got.flows, got.waiting = d.flows(places, len(places)-len(places)/holes)
				rates.end()
			}
			if processors == 1 {
				want = got
				if n := len(got.flows) + got.waiting; n > len(places) || n < len(places)-2*len(places)/holes || got.flows[len(got.flows)-1].Reply.PPS == 0 {
					t.Fatalf("%d flows and %d that wait, the last one %+v", len(got.flows), got.waiting, got.flows[len(got.flows)-1])
				}
			}
			if got.waiting != want.waiting || !slices.Equal(got.flows, want.flows) {
				t.Errorf("%d processors, one in %d is no flow: %d flows and %d that wait, want %d and %d",
					processors, holes, len(got.flows), got.waiting, len(want.flows), want.waiting)
			}
		}
	}
}

// A flow that comes to the place of another is compared with nothing, however long ago
// that one was read, and in a large table, too.
func TestRatesByPlace(t *testing.T) {
	for _, places := range []int{1, fewPlaces + 1} {
		var r Rates
		start := time.Unix(1000, 0)
		for second, id := range []flow.ID{1, 1, 0, 1, 2} {
			f := flow.Flow{ID: id, Origin: flow.Half{Packets: uint64(10 * (second + 1)), Bytes: uint64(second)}}
			r.begin(&flow.Snapshot{Time: start.Add(time.Duration(second) * time.Second)}, places)
			for place := range places {
				if place == 0 && id != 0 {
					r.set(place, &f)
				} else {
					r.forget(place)
				}
			}
			r.end()
			if want := []float64{0, 10, 0, 40, 50}[second]; f.Origin.PPS != want {
				t.Errorf("%d places, second %d: %v packets a second, want %v", places, second, f.Origin.PPS, want)
			}
		}
	}
}

// A table that holds more flows than was expected is read whole.
func TestDecoderExpectsFewer(t *testing.T) {
	clock := Clock{Tick: time.Millisecond, Ticks: 3_600_000, Wall: time.Unix(1000, 0)}
	timeouts := flow.DefaultTimeouts()
	places := entries(RoomFor(0)+100, 1000, clock)
	read := func(expected int) []flow.Flow {
		var rates Rates
		rates.begin(&flow.Snapshot{Time: clock.Wall}, len(places))
		d := decoder{table: &Table{objects: &Objects{mapping: new(mapping)}}, clock: clock, timeouts: &timeouts, rates: &rates}
		flows, _ := d.flows(places, expected)
		return flows
	}
	want := read(len(places))
	if got := read(0); len(got) <= RoomFor(0) || !slices.Equal(got, want) {
		t.Errorf("%d flows, want %d", len(got), len(want))
	}
}

// Memory that was prepared is used for the next snapshot, and only for that.
func TestPreparedMemory(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	clock := Clock{Tick: time.Millisecond, Ticks: 3_600_000, Wall: time.Unix(1000, 0)}
	timeouts := flow.DefaultTimeouts()
	places := entries(2*alone, 1000, clock)
	var rates Rates
	prepared := rates.roomFor(RoomFor(len(places)))
	rates.room = prepared
	read := func(second int) []flow.Flow {
		rates.begin(&flow.Snapshot{Time: clock.Wall.Add(time.Duration(second) * time.Second)}, len(places))
		defer rates.end()
		d := decoder{table: &Table{objects: &Objects{mapping: new(mapping)}}, clock: clock, timeouts: &timeouts, rates: &rates}
		flows, _ := d.flows(places, len(places))
		return flows
	}
	first, second := read(1), read(2)
	if &first[0] != &prepared[0] || &second[0] == &prepared[0] {
		t.Error("the prepared memory is not that of the first snapshot alone")
	}
	if len(first) != len(second) || first[7].ID != second[7].ID {
		t.Errorf("%d flows, then %d", len(first), len(second))
	}
}
