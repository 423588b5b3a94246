package overview

import (
	"ctop/internal/format"
	"ctop/internal/order"
)

// mostHalved is the number of timeouts that are listed.
const mostHalved = 3

// why says what fills the table: whose flows, how old they are, and what would go if a
// timeout were halved.
func (p *Page) why() []string {
	s, f := p.count.Snapshot, &p.filling
	var lines []string
	for _, g := range [...]struct {
		name  string
		by    order.Grouping
		group order.Group
	}{{"most from", order.BySourceNet, f.Net}, {"most to port", order.ByPort, f.Port}} {
		if g.group.Flows > 0 {
			lines = append(lines, fact(g.name, format.Clean(g.by.Name(g.group.Key, s))+", "+format.Percent(g.group.Flows, p.count.Flows)))
		}
	}
	for i := 0; i < len(order.Ages); i += 2 {
		share := func(i int) string { return format.Percent(f.Younger[i], p.count.Flows) }
		limits := "age <" + format.Timeout(order.Ages[i]) + ", <" + format.Timeout(order.Ages[i+1])
		lines = append(lines, fact(limits, share(i)+", "+share(i+1)))
	}
	for _, h := range f.Halved[:min(len(f.Halved), mostHalved)] {
		lines = append(lines, "half "+h.Name.String(), "  frees "+format.Count(h.Now)+" now, "+format.Count(h.Soon)+"/min")
	}
	return append(lines, fact("peak seen", p.peak()))
}

// peak returns the most flows of the history, and the capacity that they need.
func (p *Page) peak() string {
	peak := p.count.Flows
	for _, one := range p.history.visible() {
		peak = max(peak, int(one.flows))
	}
	room := p.count.Snapshot.MaxFlows
	need := peak/3*4 + 1
	switch {
	case p.count.Snapshot.Counters.TableFull > 0 || peak >= room:
		need = 2 * room // how many did not fit is not known
	case need <= room:
		return format.Count(peak) + ", it fits"
	}
	return format.Count(peak) + ": --max-flows " + format.Count(need)
}
