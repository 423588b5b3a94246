package order

import (
	"cmp"
	"slices"
	"time"

	"ctop/tracker/flow"
)

// Filling says what fills a table, and what shorter timeouts would free.
type Filling struct {
	// Net is the source network with the most flows, and Port the destination port. Their
	// Flows are zero if there is none.
	Net, Port Group
	// Younger has the number of flows that are younger than each of [Ages].
	Younger [len(Ages)]int
	// Halved are the timeouts of which flows would go if they were halved, the most
	// first.
	Halved []Halved
}

// Ages are the limits of [Filling.Younger].
var Ages = [...]time.Duration{time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour}

// Halved is what half a timeout would free.
type Halved struct {
	Name flow.TimeoutName
	// Now is the number of flows that would go at once, Soon of those that would go
	// within a minute unless they carry a packet.
	Now, Soon int
}

// NewFilling looks through the flows of a snapshot.
func NewFilling(s *flow.Snapshot) (f Filling) {
	var halved [len(flow.Timeouts{})]Halved
	for i := range s.Flows {
		one := &s.Flows[i]
		for j, limit := range Ages {
			if one.Age < limit {
				f.Younger[j]++
			}
		}
		half := one.Timeout / 2
		switch {
		case one.OwnTimeout || half == 0 || int(one.TimeoutName) >= len(halved):
		case one.Idle > half:
			halved[one.TimeoutName].Now++
		case one.Idle > half-time.Minute:
			halved[one.TimeoutName].Soon++
		}
	}
	for i, h := range halved {
		if h.Name = flow.TimeoutName(i); h.Now+h.Soon > 0 {
			f.Halved = append(f.Halved, h)
		}
	}
	slices.SortStableFunc(f.Halved, func(a, b Halved) int {
		return cmp.Or(cmp.Compare(b.Now, a.Now), cmp.Compare(b.Soon, a.Soon))
	})
	f.Net, f.Port = most(s, BySourceNet), most(s, ByPort)
	return f
}

// most returns the largest group.
func most(s *flow.Snapshot, by Grouping) Group {
	groups := Talk(GroupRequest{Snapshot: s, Grouping: by, By: GroupBy{Sort: GroupFlows, Desc: true}})
	if len(groups.Top) == 0 {
		return Group{}
	}
	return groups.Top[0]
}
