package overview

import (
	"cmp"
	"maps"
	"slices"

	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/theme"
)

// way is what went out and came in by an interface, in bits per second; in a wire, what
// went from the first interface to the second one, and back.
type way struct {
	index   int
	out, in float64
}

// ways returns the rates of the watched interfaces, or of the wire, that had traffic since
// the snapshot before, and remembers their counters.
func (h *History) ways(s *flow.Snapshot, seconds float64) (list []way) {
	last := h.volumes
	h.volumes = volumesOf(s)
	for i := range s.Interfaces {
		index := s.Interfaces[i].Index
		now, counted := h.volumes[index]
		before, ok := last[index]
		if !counted || !ok || seconds <= 0 || now.out < before.out || now.in < before.in {
			continue
		}
		w := way{index, 8 * float64(now.out-before.out) / seconds, 8 * float64(now.in-before.in) / seconds}
		if w.out > 0 || w.in > 0 {
			list = append(list, w)
		}
	}
	return list
}

// volumesOf returns the counters of the watched interfaces by their index. Of a wire it
// has those of the first interface: what came in by it, on its way to the second one, and
// what came in by the second one.
func volumesOf(s *flow.Snapshot) map[int]volumes {
	all := make(map[int]volumes, len(s.Interfaces))
	if list := s.Interfaces; len(list) == 2 && list[0].Role == flow.RoleWire && list[0].Index != 0 && list[1].Index != 0 {
		all[list[0].Index] = volumes{list[0].ReceivedBytes, list[1].ReceivedBytes}
		return all
	}
	for i := range s.Interfaces {
		if one := &s.Interfaces[i]; one.Role == flow.RoleWatch && one.Index != 0 {
			all[one.Index] = volumes{one.Out.Bytes, one.In.Bytes}
		}
	}
	return all
}

// volumes are the bytes that went out and came in by an interface, or there and back
// through a wire.
type volumes struct{ out, in uint64 }

// of returns the rates of an interface in a sample.
func (s *sample) of(index int) way {
	for _, w := range s.ways {
		if w.index == index {
			return w
		}
	}
	return way{}
}

// busiest returns the interfaces with the most traffic in the visible history, at most so
// many, in the order of the snapshot, and how many others have had some.
func (h *History) busiest(most int) (list []int, more int) {
	sums := map[int]float64{}
	for _, s := range h.visible() {
		for _, w := range s.ways {
			sums[w.index] += w.out + w.in
		}
	}
	all := slices.SortedFunc(maps.Keys(sums), func(a, b int) int {
		return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a, b))
	})
	list = all[:min(len(all), most)]
	slices.Sort(list)
	return list, len(all) - len(list)
}

// Widths of the parts of a label.
const (
	wayName = 8
	wayRate = 10
	wayTop  = 14
	// wayRoom is the width of a screen from which on the label has the highest rate.
	wayRoom = 72
)

// labelWidth is the width of what stands to the left of the charts: more, where those of
// interfaces need it, so that all of them cover the same time.
func (p *Page) labelWidth() int {
	if list, _ := p.history.busiest(1); len(list) > 0 && p.Width >= wayRoom {
		return wordsWidth + wayTop
	}
	return wordsWidth
}

// wayCharts draws two charts for each of the busiest interfaces: what went out and what
// came in.
func (p *Page) wayCharts(width int) []string {
	most := 1
	switch {
	case p.Height >= tallCharts:
		most = 4
	case p.Height >= tallCharts-10:
		most = 2
	}
	list, more := p.history.busiest(most)
	var lines []string
	for _, index := range list {
		lines = append(lines,
			p.wayChart(width, p.interfaceName(index), "→", p.frame.Theme.Out, func(s sample) float64 { return s.of(index).out }),
			p.wayChart(width, "", "←", p.frame.Theme.In, func(s sample) float64 { return s.of(index).in }))
	}
	if more > 0 {
		lines = append(lines, " "+format.Blank(wayName)+"and "+format.Plural(more, "interface")+" with less")
	}
	if len(lines) > 0 && p.Height >= tallCharts {
		lines = append(lines, "")
	}
	return lines
}

func (p *Page) interfaceName(index int) string {
	for i := range p.count.Snapshot.Interfaces {
		if one := &p.count.Snapshot.Interfaces[i]; one.Index == index {
			return format.Cut(format.Clean(one.Name), wayName-1)
		}
	}
	return ""
}

// wayChart draws one direction with its present rate. A wide screen has room for the
// highest one, which is as high as the chart.
func (p *Page) wayChart(width int, name, arrow string, style theme.Style, of func(sample) float64) string {
	values := p.history.columns(width, of)
	label := " " + format.Left(name, wayName) + arrow + format.Right(format.Unit(of(p.history.now()), "b/s"), wayRate+1)
	if p.labelWidth() > wordsWidth {
		label += "  max " + format.Unit(highest(values), "b/s")
	}
	if width < 1 {
		return label
	}
	return format.Left(label, 1+p.labelWidth()) + style.Render(chart(values, width, 1)[0])
}
