package history

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"ctop/tracker/flow"
)

var start = time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)

// fill sets every member of a value to something random, so that a member that the package
// does not know fails the tests.
func fill(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.Uint64() >> r.IntN(64) & (math.MaxUint64 >> (64 - v.Type().Bits())))
	case reflect.Int64:
		v.SetInt(r.Int64() >> (2 + r.IntN(60))) // 146 years
	case reflect.Float64:
		v.SetFloat(r.ExpFloat64() * 1e5)
	case reflect.String:
		v.SetString(string(rune('a' + r.IntN(26))))
	case reflect.Pointer:
		if v.Type().Elem() == reflect.TypeFor[time.Location]() {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem())
	case reflect.Struct:
		switch at := v.Addr().Interface().(type) {
		case *time.Time:
			*at = start.Add(time.Duration(r.IntN(1e9)))
		case *flow.End:
			*at = end(r, r.IntN(2) == 0)
		default:
			for i := range v.NumField() {
				fill(r, v.Field(i))
			}
		}
	default:
		panic("a flow has a " + v.Kind().String())
	}
}

func end(r *rand.Rand, six bool) flow.End {
	if six {
		return flow.EndFrom(netip.AddrFrom16([16]byte{0x20, 1, 15: byte(r.Uint32())}), uint16(r.Uint32()))
	}
	return flow.EndFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(r.Uint32())}), uint16(r.Uint32()))
}

func random(r *rand.Rand, s *flow.Snapshot) flow.Flow {
	var f flow.Flow
	fill(r, reflect.ValueOf(&f).Elem())
	six := r.IntN(2) == 0
	f.Tuple.Src, f.Tuple.Dst = end(r, six), end(r, six)
	translate(r, s, &f)
	return f
}

func translate(r *rand.Rand, s *flow.Snapshot, f *flow.Flow) {
	if f.NAT = 0; r.IntN(3) == 0 {
		var t flow.Tuple
		fill(r, reflect.ValueOf(&t).Elem())
		t.Src, t.Dst = end(r, false), end(r, false)
		s.Translations = append(s.Translations, t)
		f.NAT = uint32(len(s.Translations))
	}
}

// later returns a snapshot in which some flows are as before, others have changed in one
// member or in all of them, came, went, or moved.
func later(r *rand.Rand, before *flow.Snapshot, most int) *flow.Snapshot {
	step := time.Duration(1+r.IntN(3e9)) * time.Nanosecond
	s := &flow.Snapshot{Time: before.Time.Add(step), Uptime: before.Uptime + step, Host: "h", MaxFlows: 1000}
	for _, f := range before.Flows {
		other, had := before.OtherHalf(&f)
		if f.NAT = 0; had {
			s.Translations = append(s.Translations, other)
			f.NAT = uint32(len(s.Translations))
		}
		f.Age, f.Idle = f.Age+step, f.Idle+step
		f.Origin.PPS, f.Origin.BPS, f.Reply.PPS, f.Reply.BPS = 0, 0, 0, 0
		switch r.IntN(10) {
		case 0:
			continue
		case 1:
			id, t := f.ID, f.Tuple
			f = random(r, s)
			f.ID, f.Tuple = id, t
		case 2:
			one := reflect.ValueOf(&f).Elem()
			if i := r.IntN(one.NumField()); one.Type().Field(i).Name != "ID" && one.Type().Field(i).Name != "Tuple" {
				fill(r, one.Field(i))
			}
			translate(r, s, &f)
		case 3:
			f.Origin.Packets += uint64(r.IntN(1e4))
			f.Origin.Bytes += uint64(r.IntN(1e7))
			f.Idle = time.Duration(r.IntN(1000)) * time.Millisecond
			f.Origin.PPS, f.Origin.BPS = rates(&flow.Half{}, &flow.Half{Packets: 7, Bytes: 800}, step)
		}
		s.Flows = append(s.Flows, f)
	}
	for len(s.Flows) < most && r.IntN(5) > 0 {
		i := r.IntN(len(s.Flows) + 1)
		s.Flows = slices.Insert(s.Flows, i, random(r, s))
	}
	if n := len(s.Flows); n > 1 && r.IntN(4) == 0 {
		i, j := r.IntN(n), r.IntN(n)
		s.Flows[i], s.Flows[j] = s.Flows[j], s.Flows[i]
	}
	return s
}

// equalSnapshots compares everything, times up to a tick and rates up to four digits.
func equalSnapshots(t *testing.T, got, want *flow.Snapshot) {
	t.Helper()
	if len(got.Flows) != len(want.Flows) {
		t.Fatalf("%d flows, want %d", len(got.Flows), len(want.Flows))
	}
	for i := range want.Flows {
		g, w := got.Flows[i], want.Flows[i]
		gotOther, gotOK := got.OtherHalf(&g)
		wantOther, wantOK := want.OtherHalf(&w)
		if gotOther != wantOther || gotOK != wantOK {
			t.Fatalf("flow %d: the other half is %v, want %v", i, gotOther, wantOther)
		}
		if (g.Holding.Process == nil) != (w.Holding.Process == nil) || w.Holding.Process != nil && *g.Holding.Process != *w.Holding.Process {
			t.Fatalf("flow %d: the process is %+v, want %+v", i, g.Holding.Process, w.Holding.Process)
		}
		if (g.Server == nil) != (w.Server == nil) || w.Server != nil && *g.Server != *w.Server {
			t.Fatalf("flow %d: the server is %+v, want %+v", i, g.Server, w.Server)
		}
		if !near(g.Age, w.Age) || !near(g.Idle, w.Idle) {
			t.Fatalf("flow %d: age %v, idle %v, want %v, %v", i, g.Age, g.Idle, w.Age, w.Idle)
		}
		for _, pair := range [][2]*float64{
			{&g.Origin.PPS, &w.Origin.PPS}, {&g.Origin.BPS, &w.Origin.BPS}, {&g.Reply.PPS, &w.Reply.PPS}, {&g.Reply.BPS, &w.Reply.BPS},
		} {
			if math.Abs(*pair[0]-*pair[1]) > *pair[1]/1e4 {
				t.Fatalf("flow %d: the rate is %v, want %v", i, *pair[0], *pair[1])
			}
			*pair[0] = *pair[1]
		}
		g.NAT, g.Holding.Process, g.Server, g.Age, g.Idle = w.NAT, w.Holding.Process, w.Server, w.Age, w.Idle
		if g != w {
			t.Fatalf("flow %d is\n%+v\nwant\n%+v", i, g, w)
		}
	}
	g, w := *got, *want
	g.Flows, g.Translations, w.Flows, w.Translations = nil, nil, nil, nil
	if !reflect.DeepEqual(g, w) {
		t.Errorf("the head is\n%+v\nwant\n%+v", g, w)
	}
}

// Every snapshot is decoded as it was, with and without one nearby.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var c chain
		s := &flow.Snapshot{Time: start, Uptime: time.Hour}
		var all []*flow.Snapshot
		for range 80 {
			s = later(r, s, r.IntN(60))
			f, g := c.encode(s)
			c.add(f, g)
			c.last = s
			all = append(all, s)
		}
		var near *flow.Snapshot
		for i, p := range c.places() {
			equalSnapshots(t, p.decode(nil), all[i])
			near = p.decode(near)
			equalSnapshots(t, near, all[i])
		}
	}
}
