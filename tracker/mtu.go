package tracker

import "ctop/tracker/flow"

// mtuWarnings say that the interfaces send packets of different lengths: those that
// come in by the one and are too long for the other are lost.
func mtuWarnings(sides [2]flow.Interface) flow.Warnings {
	a, b := sides[0], sides[1]
	if a.MTU == b.MTU || a.MTU == 0 || b.MTU == 0 {
		return nil
	}
	return flow.Warnings{{Kind: flow.WarningMTU, Interfaces: []string{a.Name, b.Name}, Numbers: []int{a.MTU, b.MTU}}}
}

// sends is as much of an interface as the warning is about.
func (s *side) sends() flow.Interface { return flow.Interface{Name: s.name(), MTU: s.link.Attrs().MTU} }

// tellMTUs logs that a MTU has changed and is not that of the other side.
func (c *Collector) tellMTUs() {
	var now [2]flow.Interface
	for i, m := range c.tracker.interfaces() {
		now[i] = m.state()
	}
	text := ""
	for _, warning := range mtuWarnings(now) {
		text = warning.String()
	}
	if text != c.mtus && text != "" {
		c.tracker.log.Warn(text)
	}
	c.mtus = text
}
