package netdev

import "ctop/tracker/flow"

// unsentBy returns how many packets the interfaces of the point did not send
// since the tracker attached. drops is the interface's own count, as read by
// sendDrops.
func (p Point) unsentBy(drops uint64) uint64 {
	return p.Unsent + drops - min(drops, p.SendDrops)
}

// unsent returns the total of packets that the interfaces did not send. It
// saves the counts in case an interface is replaced.
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

// takeUnsent returns the total of a point whose interface is gone. Its
// replacement counts from zero.
func (a *Attachments) takeUnsent(i int) uint64 {
	p := a.registry.Points()[i]
	a.mu.Lock()
	defer a.mu.Unlock()
	n := p.unsentBy(a.sendDrops[i])
	a.sendDrops[i] = 0
	return n
}

// sendDrops returns the interface's own count of packets not sent. It is 0
// unless the interface is virtual: a veth counts the packets that its peer
// cannot receive.
func (s *Device) sendDrops() uint64 {
	if counted := s.link.Attrs().Statistics; counted != nil && s.Virtual() {
		return counted.TxDropped
	}
	return 0
}

// addUnsent moves n packets from forwarded to not sent. The programs cannot
// count these.
func addUnsent(c *flow.Counters, n uint64) {
	n = min(n, c.Forwarded)
	c.Forwarded -= n
	c.Dropped += n
	c.DroppedBy[flow.DropOutput] += n
}
