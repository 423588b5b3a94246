package overview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/page"
)

// all draws the page: problems, charts, numbers.
func (p *Page) all() []string {
	if p.count.Snapshot == nil {
		return nil
	}
	lines := append(p.troubles(), p.sickLines()...)
	lines = append(lines, p.charts()...)
	return append(lines, p.frame.Beside(p.blocks(), p.Width)...)
}

// Sizes of the page's parts, in cells and lines.
const (
	wordsWidth = 22
	tallCharts = 30
)

func (p *Page) charts() []string {
	width := max(p.Width-p.labelWidth()-2, 1)
	height := 1
	switch {
	case p.Height >= tallCharts:
		height = 3
	case p.Height >= tallCharts-10:
		height = 2
	}
	if p.Width < p.labelWidth()+12 {
		width = 0
	}
	lines := []string{p.frame.Theme.Head.Render(" " + p.chartTitle(width))}
	ways := p.wayCharts(width)
	lines = append(lines, ways...)
	for i, c := range quantities {
		if i == 0 && len(ways) > 0 {
			continue // the bits are in those of the interfaces
		}
		lines = append(lines, p.chart(c, width, height)...)
		if height > 2 {
			lines = append(lines, "") // else they would grow together
		}
	}
	if height > 2 {
		return lines
	}
	return append(lines, "")
}

// quantity is the subject of a chart.
type quantity struct {
	name, unit string
	of         func(sample) float64
	// by returns a line about the sources of the quantity, or is nil.
	by func(p *Page, room int) string
}

var quantities = [...]quantity{
	{"bits", "b/s", func(s sample) float64 { return s.bps }, nil},
	{"packets", "pps", func(s sample) float64 { return s.pps }, nil},
	{"new flows", "/s", func(s sample) float64 { return s.newRate }, (*Page).openedBy},
	{"flows", "", func(s sample) float64 { return s.flows }, nil},
}

// chart draws a quantity with its current value on the left.
func (p *Page) chart(q quantity, width, height int) []string {
	values := p.history.columns(width, q.of)
	now := q.of(p.history.now())
	labels := []string{format.Left(q.name, 10) + format.Right(format.Unit(now, q.unit), 11), "", ""}
	if height > 1 {
		labels[1] = format.Left("  highest", 10) + format.Right(format.Unit(highest(values), q.unit), 11)
	}
	lines := chart(values, width, height)
	for i, row := range lines {
		lines[i] = " " + format.Left(labels[i], p.labelWidth()) + row
	}
	if q.by == nil || height == 1 {
		return lines
	}
	// The line stays even if it is empty, so that the lines below do not jump.
	line := ""
	if by := q.by(p, width); by != "" {
		line = " " + format.Left("  by", p.labelWidth()) + by
	}
	return append(lines, line)
}

func (p *Page) chartTitle(width int) string {
	d := p.history.covered(width)
	switch {
	case d < time.Second && p.frame.Past:
		return "at that time"
	case d < time.Second:
		return "now"
	}
	return "the last " + format.Words(d.Truncate(time.Second))
}

func (p *Page) blocks() []page.Block {
	s := p.count.Snapshot
	blocks := []page.Block{
		{Title: "flows by state", Lines: page.StateLines(p.count.ByState[:], p.count.Flows)},
		{Title: "the table", Lines: p.table()},
		{Title: "packets", Lines: p.packets()},
		{Title: "flows ended by", Lines: listed(s.Counters.FlowsDestroyed, reasonCounts(s))},
		{Title: "invalid packets by", Lines: listed(s.Counters.Invalid, invalidCounts(s))},
		{Title: "the tracker", Lines: p.tracker()},
		{Title: "what fills the table", Lines: p.why()},
	}
	if watched := p.watched(); len(watched) > 0 {
		blocks = append(blocks, page.Block{Title: "by interface", Lines: watched})
	}
	return blocks
}

// mostWatched is the number of watched interfaces that are listed.
const mostWatched = 16

// watched returns what came in and went out by the watched interfaces, the busiest
// first.
func (p *Page) watched() (lines []string) {
	list := slices.DeleteFunc(slices.Clone(p.count.Snapshot.Interfaces), func(i flow.Interface) bool {
		return i.Role != flow.RoleWatch || i.Mode == flow.ModeReplay || i.Followed && i.Index == 0
	})
	slices.SortStableFunc(list, func(a, b flow.Interface) int {
		return cmp.Compare(b.In.Plus(b.Out).Bytes, a.In.Plus(a.Out).Bytes)
	})
	for _, i := range list[:min(len(list), mostWatched)] {
		lines = append(lines, format.Left(format.Clean(i.Name), 16)+
			" in"+format.Right(format.Total(i.In.Bytes), 7)+"  out"+format.Right(format.Total(i.Out.Bytes), 7))
	}
	if more := len(list) - mostWatched; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return lines
}

func (p *Page) table() []string {
	c, s := p.count, p.count.Snapshot
	lines := []string{
		page.Fact("filled", format.Percent(c.Flows, s.MaxFlows)+" of "+format.Count(s.MaxFlows)),
		page.Fact("full in", p.timeToFull()),
		page.Fact("half open", format.Percent(c.HalfOpen, c.TCP)+" of "+format.Count(c.TCP)+" TCP"),
		page.Fact("seen one way", format.Percent(c.OneSided, c.Flows)+", "+format.Count(c.OneSided)),
		page.Fact("own timeout", format.Count(c.Pinned)),
		page.Fact("no room for", format.Count(int(s.Counters.TableFull))),
	}
	if n := s.Counters.TableBusy; n > 0 {
		lines = append(lines, page.Fact("place in use", format.Count(int(n))))
	}
	return lines
}

// timeToFull returns when the table will be full at the growth rate of the last
// minute.
func (p *Page) timeToFull() string {
	room := float64(p.count.Snapshot.MaxFlows - p.count.Flows)
	growth := p.history.growth()
	switch {
	case room <= 0:
		return "it is full"
	case growth <= 0:
		return "not growing"
	case room/growth > (30 * 24 * time.Hour).Seconds():
		return "more than a month"
	}
	left := time.Duration(room / growth * float64(time.Second))
	return fmt.Sprintf("%s at +%s flows/s", format.Age(left), strings.TrimSpace(format.Unit(growth, "")))
}

func (p *Page) packets() []string {
	c := p.count.Snapshot.Counters
	verdicts := []named{
		{"established", c.Established},
		{"new", c.New},
		{"related", c.Related},
		{"invalid", c.Invalid},
		{"untracked", c.Untracked},
		{"dropped", c.Dropped},
	}
	if p.count.Snapshot.Checksums {
		verdicts = append(verdicts, named{"bad checksums", c.BadChecksums})
	}
	var lines []string
	for _, v := range verdicts {
		lines = append(lines, page.Fact(v.name, format.Right(format.Total(v.n), 8)+format.Right(portion(v.n, c.Packets), 7)))
	}
	return lines
}

// portion formats a share of 64-bit counters in percent.
func portion(n, all uint64) string {
	if all == 0 {
		return "0 %"
	}
	return format.Percent(int(float64(n)/float64(all)*1e6), 1e6)
}

// named is a counter and its name.
type named struct {
	name string
	n    uint64
}

func reasonCounts(s *flow.Snapshot) (counts []named) {
	for _, r := range flow.Reasons() {
		counts = append(counts, named{r.String(), s.Counters.Destroyed[r]})
	}
	return counts
}

func invalidCounts(s *flow.Snapshot) (counts []named) {
	for _, r := range flow.InvalidReasons() {
		counts = append(counts, named{r.String(), s.Counters.InvalidBy[r]})
	}
	return counts
}

func listed(all uint64, counts []named) []string {
	var lines []string
	for _, c := range counts {
		share := float64(c.n) / float64(max(all, 1))
		lines = append(lines, format.Left(c.name, 12)+format.Right(format.Total(c.n), 10)+"  "+format.Bar(share, 12))
	}
	return lines
}

func (p *Page) tracker() []string {
	s := p.count.Snapshot
	lines := []string{
		page.Fact("running for", format.Words(s.Uptime.Truncate(time.Second))),
		page.Fact("scan", fmt.Sprintf("%s old, took %s", format.Age(p.frame.Since()), took(s.Took))),
		page.Fact("flows opened", format.Count(int(s.Counters.FlowsCreated))),
		page.Fact("events", format.Count(int(s.Counters.Events))),
		page.Fact("events lost", format.Count(int(s.Counters.EventsLost))),
	}
	lines = append(lines, pairFacts(s.Pair)...)
	if p.missed > 0 {
		lines = append(lines, page.Fact("not shown here", format.Count(int(p.missed))))
	}
	return lines
}

// pairFacts say whom the tracker tells its flows, and how far they know each other's.
func pairFacts(p flow.Pair) (lines []string) {
	if p.State == flow.PairNone {
		return nil
	}
	lines = append(lines, page.Fact("pair", strings.ReplaceAll(p.State.String(), "_", " ")))
	if p.Partner != "" {
		lines = append(lines, page.Fact("partner", format.Clean(p.Partner)))
	}
	if p.Lag > 0 {
		lines = append(lines, page.Fact("lag", format.Short(p.Lag)))
	}
	return lines
}

func took(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
