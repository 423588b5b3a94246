package ipfix

import (
	"slices"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// passed are so many packets of 100 bytes in either direction.
func passed(origin, reply uint64) Passed {
	return Passed{[2]uint64{origin, reply}, [2]uint64{100 * origin, 100 * reply}}
}

// had is an event of a flow that had so many packets in either direction.
func had(kind flow.EventType, origin, reply uint64, inherited bool) *flow.Event {
	e := event(1, kind, 0)
	e.Inherited = inherited
	e.Origin.Packets, e.Origin.Bytes = origin, 100*origin
	e.Reply.Packets, e.Reply.Bytes = reply, 100*reply
	return &e
}

// wrapped is what counters that were set back have from the partner.
func wrapped(origin, reply int64) Passed { return passed(uint64(origin), uint64(reply)) }

// Of flows of a pair each half exports what passed there: the records of both together have
// every packet once.
func TestPairIsExportedOnce(t *testing.T) {
	const reverse = 29305
	for what, c := range map[string]struct {
		do func(e *Exporter, source *table)
		// want are the packets of each record, by direction.
		want [][2]uint64
	}{
		"it moved here, and ends here": {func(e *Exporter, _ *table) {
			e.Enter(func() (flow.ID, Passed) { return 1, passed(10, 20) })
			e.Enter(func() (flow.ID, Passed) { return 1, passed(2, 2) })
			e.Observe(had(flow.EventDestroy, 20, 30, false))
		}, [][2]uint64{{8, 8}}},
		"it moved away after a record, and ends there": {func(e *Exporter, source *table) {
			old := had(flow.EventUpdate, 10, 20, false)
			old.Age = time.Hour
			*source = table{*old}
			_, _ = e.readOnce(t.Context(), e.exportActive, 0)
			e.Enter(func() (flow.ID, Passed) { return 1, passed(5, 5) }) // from 15 and 25
			e.Observe(had(flow.EventDestroy, 20, 30, true))
		}, [][2]uint64{{10, 20}, {5, 5}}},
		"the partner told less than passed here": {func(e *Exporter, _ *table) {
			e.Enter(func() (flow.ID, Passed) { return 1, wrapped(-3, -4) }) // from 15 and 25
			e.Observe(had(flow.EventDestroy, 12, 21, true))
		}, [][2]uint64{{15, 25}}},
		"its directions take different machines": {func(e *Exporter, _ *table) {
			e.Enter(func() (flow.ID, Passed) { return 1, passed(0, 20) })
			e.Observe(had(flow.EventDestroy, 10, 20, false))
		}, [][2]uint64{{10, 0}}},
		"it never passed here": {func(e *Exporter, source *table) {
			e.Enter(func() (flow.ID, Passed) { return 1, passed(10, 20) })
			there := had(flow.EventUpdate, 10, 20, true)
			there.Age = time.Hour
			*source = table{*there}
			_, _ = e.readOnce(t.Context(), e.exportActive, 0)
			e.Observe(had(flow.EventDestroy, 10, 20, true))
		}, nil},
	} {
		t.Run(what, func(t *testing.T) {
			to := listenUDP(t, "127.0.0.1:0")
			source := &table{}
			e := exporter(t, source, false, to.address)
			e.Start()
			c.do(e, source)
			*source = nil
			last := event(2, flow.EventDestroy, 1)
			e.Observe(&last)
			var got [][2]uint64
			for _, r := range to.flows(len(c.want) + 1) {
				if r.Uint(148) != 1 {
					continue
				}
				packets := [2]uint64{r.Uint(2), r.UintOf(reverse, 2)}
				got = append(got, packets)
				// A frame of 100 bytes has 82 of IP behind a tag.
				if octets := [2]uint64{r.Uint(1), r.UintOf(reverse, 1)}; octets != [2]uint64{82 * packets[0], 82 * packets[1]} {
					t.Errorf("%v packets have %v octets", packets, octets)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("the records have %v packets, want %v", got, c.want)
			}
			if n := len(e.elsewhere); n != 0 {
				t.Errorf("%d flows are remembered", n)
			}
			e.Finish(false)
		})
	}
}

// What the partner told of flows whose end nobody saw is forgotten.
func TestElsewhereIsForgotten(t *testing.T) {
	e := exporter(t, &table{}, false)
	for id := range flow.ID(100) {
		e.Enter(func() (flow.ID, Passed) { return id + 1, passed(1, 0) })
	}
	for range 3 {
		_, _ = e.readOnce(t.Context(), e.exportActive, 0)
	}
	if n := len(e.elsewhere); n != 0 {
		t.Errorf("%d flows are remembered", n)
	}
}
