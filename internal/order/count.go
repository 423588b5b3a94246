package order

import "ctop/tracker/flow"

// Count is what the flows of a snapshot amount to, for the overview.
type Count struct {
	Snapshot *flow.Snapshot
	Flows    int
	ByState  [flow.StateTimeWait + 1]int
	ByProto  map[flow.Protocol]int
	// HalfOpen are TCP handshakes that are not complete, OneSided flows of
	// which one direction was never seen, Pinned those with a timeout of
	// their own.
	HalfOpen, OneSided, Pinned int
	// TCP are flows of that protocol.
	TCP int
}

// NewCount counts every flow of a snapshot.
func NewCount(s *flow.Snapshot) Count {
	c := Count{Snapshot: s, Flows: len(s.Flows), ByProto: map[flow.Protocol]int{}}
	var protocols [256]int
	for i := range s.Flows {
		c.add(&s.Flows[i])
		protocols[s.Flows[i].Tuple.Proto]++
	}
	for p, n := range protocols {
		if n > 0 {
			c.ByProto[flow.Protocol(p)] = n
		}
	}
	c.TCP = protocols[flow.ProtocolTCP]
	return c
}

func (c *Count) add(f *flow.Flow) {
	if int(f.State) < len(c.ByState) {
		c.ByState[f.State]++
	}
	if f.State == flow.StateSynSent || f.State == flow.StateSynRecv {
		c.HalfOpen++
	}
	if f.Origin.Seen() != f.Reply.Seen() {
		c.OneSided++
	}
	if f.OwnTimeout {
		c.Pinned++
	}
}

// Change is how one snapshot differs from an earlier one.
type Change struct {
	// Came and Went count flows, Moved those of the others whose state is
	// another.
	Came, Went, Moved int
}

// Compare returns how two snapshots differ.
func Compare(before, after *flow.Snapshot) (c Change) {
	if before == nil || after == nil || before == after {
		return c
	}
	states := make(map[flow.ID]flow.State, len(before.Flows))
	for i := range before.Flows {
		states[before.Flows[i].ID] = before.Flows[i].State
	}
	for i := range after.Flows {
		f := &after.Flows[i]
		state, known := states[f.ID]
		delete(states, f.ID)
		switch {
		case !known:
			c.Came++
		case state != f.State:
			c.Moved++
		}
	}
	c.Went = len(states)
	return c
}

// CountBack returns how many of the given tuples a snapshot has again, either
// way round, as flows of another id than before.
func CountBack(s *flow.Snapshot, before map[flow.Tuple]flow.ID) (n int) {
	for i := range s.Flows {
		f := &s.Flows[i]
		id, ok := before[f.Tuple]
		if !ok {
			id, ok = before[f.Tuple.Reverse()]
		}
		if ok && id != f.ID {
			n++
		}
	}
	return n
}
