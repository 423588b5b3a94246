package overview

import (
	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/ui/page"
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
	}{{"most flows from", order.BySourceNet, f.Net}, {"most to port", order.ByPort, f.Port}} {
		if g.group.Flows > 0 {
			lines = append(lines, page.Fact(g.name, format.Clean(g.by.Name(g.group.Key, s))+", "+format.Percent(g.group.Flows, p.count.Flows)))
		}
	}
	for i, limit := range order.Ages {
		lines = append(lines, page.Fact("under "+format.Timeout(limit)+" old", format.Percent(f.Younger[i], p.count.Flows)))
	}
	lines = append(lines, page.Fact("most at a time", p.peak()))
	for _, h := range f.Halved[:min(len(f.Halved), mostHalved)] {
		lines = append(lines, "if "+h.Name.String()+" were half:", "  "+format.Count(h.Now)+" end now, "+format.Count(h.Soon)+" in a minute")
	}
	return lines
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
		return format.Count(peak) + ", they fit"
	}
	return format.Count(peak) + ", --max-flows " + format.Count(need)
}
