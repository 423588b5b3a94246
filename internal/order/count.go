package order

import (
	"ctop/internal/sick"
	"ctop/tracker/flow"
)

// Count holds statistics of a snapshot's flows for the overview. It keeps no flow of the
// snapshot in memory.
type Count struct {
	// Snapshot is the snapshot without its flows.
	Snapshot *flow.Snapshot
	Flows    int
	ByState  [flow.StateTimeWait + 1]int
	ByProto  map[flow.Protocol]int
	// HalfOpen is the number of incomplete TCP handshakes, OneSided that of
	// flows with one unseen direction, Pinned that of flows with their own
	// timeout.
	HalfOpen, OneSided, Pinned int
	// TCP is the number of TCP flows.
	TCP int
	// Sick counts the flows by what is wrong with them. Worst is the worst of them, nil
	// if nothing is wrong with any.
	Sick  [sick.NumKinds]int
	Worst *flow.Flow
	worst sick.Finding
}

// NewCount counts the flows of a snapshot.
func NewCount(s *flow.Snapshot) Count {
	c := Count{Snapshot: withoutFlows(s), Flows: len(s.Flows), ByProto: map[flow.Protocol]int{}}
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
	if c.Worst != nil {
		worst := *c.Worst
		c.Worst = &worst
	}
	return c
}

// withoutFlows returns a snapshot without its flows, which take much memory.
func withoutFlows(s *flow.Snapshot) *flow.Snapshot {
	head := *s
	head.Flows = nil
	return &head
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
	found := sick.Of(f)
	if c.Sick[found.Kind]++; found.Kind != sick.Well && found.Worse(c.worst) {
		c.Worst, c.worst = f, found
	}
}

// CountBack returns how many of the given tuples, in either direction, a
// snapshot has with another flow ID.
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
