package netdev

import "ctop/tracker/flow"

// unsentBy returns how many packets the interface did not send since the tracker was
// attached to it, as it counts itself. Only virtual ones are known to count that,
// whatever the mode: a veth link drops what its other end cannot take.
func (p Point) unsentBy(drops uint64) uint64 {
	return p.Unsent + drops - min(drops, p.SendDrops)
}

// unsent adds up what the interfaces did not send, and remembers it for the case that
// one of them is replaced.
func (a *Attachments) unsent(interfaces []flow.Interface) (n uint64) {
	points := a.registry.Points()
	if !IsWire(points) {
		return 0 // nothing is sent there
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, is := range interfaces {
		if is.Index != 0 && is.Virtual {
			a.sendDrops[i] = is.SendDrops
		}
		n += points[i].unsentBy(a.sendDrops[i])
	}
	return n
}

// takeUnsent returns what a point whose interface is gone did not send so far. What
// takes its place starts to count from zero.
func (a *Attachments) takeUnsent(i int) uint64 {
	p := a.registry.Points()[i]
	a.mu.Lock()
	defer a.mu.Unlock()
	n := p.unsentBy(a.sendDrops[i])
	a.sendDrops[i] = 0
	return n
}

// sendDrops returns how many packets the interface says it did not send so far.
func (s *Device) sendDrops() uint64 {
	if counted := s.link.Attrs().Statistics; counted != nil && s.Virtual() {
		return counted.TxDropped
	}
	return 0
}

// addUnsent takes packets that an interface did not send from those that were
// forwarded: the programs cannot know of them.
func addUnsent(c *flow.Counters, n uint64) {
	n = min(n, c.Forwarded)
	c.Forwarded -= n
	c.Dropped += n
	c.DroppedBy[flow.DropOutput] += n
}
