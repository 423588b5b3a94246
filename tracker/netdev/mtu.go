package netdev

import "ctop/tracker/flow"

// mtuWarnings warns if the interfaces have different MTUs: packets that are too
// long for the outgoing interface are dropped.
func mtuWarnings(interfaces []flow.Interface) flow.Warnings {
	if len(interfaces) != 2 || interfaces[0].Role != flow.RoleWire {
		return nil
	}
	a, b := interfaces[0], interfaces[1]
	if a.MTU == b.MTU || a.MTU == 0 || b.MTU == 0 {
		return nil
	}
	return flow.Warnings{{Kind: flow.WarningMTU, Interfaces: []string{a.Name, b.Name}, Numbers: []int{a.MTU, b.MTU}}}
}

// MTUWarnings returns the warnings about the interfaces' current MTUs.
func (a *Attachments) MTUWarnings() flow.Warnings {
	var now []flow.Interface
	for _, p := range PerInterface(a.registry.Points()) {
		now = append(now, p.State())
	}
	return mtuWarnings(now)
}
