package ui

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"ctop/internal/alert"
	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/page"
	"ctop/ui/theme"
)

// oldest is the minimum age of a snapshot that is reported as old.
const oldest = 3 * time.Second

// segment is a part of the header.
type segment struct {
	text  string
	style theme.Style
	// rank is the order in which segments are dropped, the highest first.
	// Rank 0 always stays.
	rank int
	// right puts it at the right end.
	right bool
}

// headerLine shows the state of the link and its problems.
func (m *root) headerLine() string {
	segments := m.headerSegments()
	if problems := m.problems(); len(problems) > 0 {
		text := " " + strings.Join(problems, " · ") + " "
		room := max(m.frame.Width-len(" ctop "), 0)
		segments = append(segments, segment{text: format.Cut(text, room), style: m.frame.Theme.Alert, right: true})
	}
	return joinSegments(choose(segments, m.frame.Width), m.frame.Width)
}

func (m *root) headerSegments() []segment {
	segments := []segment{{text: "ctop", style: m.frame.Theme.Title, rank: 0}}
	s := m.frame.Latest
	if m.frame.Paused {
		s = m.frame.Shown
	}
	if s == nil {
		return append(segments, segment{text: "waiting for the first snapshot", rank: 1})
	}
	segments = append(segments, segment{text: page.InterfaceNames(s), rank: 1})
	if m.options.role != "" {
		segments = append(segments, segment{text: m.options.role, style: m.frame.Theme.Title, rank: 2})
	}
	if size, host := m.acts.Capturing(); size != "" {
		segments = append(segments, segment{text: size, style: m.frame.Theme.Notice, rank: 1}, segment{text: host, rank: 2})
	}
	if x := m.options.extra; x != nil {
		segments = append(segments, segment{text: x.Key + ": " + x.Does, style: m.frame.Theme.Notice, rank: 1})
	}
	if m.options.fleet != nil {
		return append(segments, m.fleetSegments()...)
	}
	fill := "▏" + format.Bar(float64(len(s.Flows))/float64(max(s.MaxFlows, 1)), 10) + "▕"
	most := format.Count(s.MaxFlows)
	segments = append(segments,
		segment{text: modes(s), rank: 6},
		segment{text: s.Policy.String(), rank: 3},
		segment{text: format.Right(format.Count(len(s.Flows)), len(most)) + " / " + most + " flows", rank: 2},
		segment{text: pairText(s.Pair), rank: 3},
		segment{text: format.Right(format.Percent(len(s.Flows), s.MaxFlows), 5) + " " + fill, rank: 8},
		segment{text: format.Right(format.Unit(s.BPS, "b/s"), 9), rank: 4, right: true},
		segment{text: format.Right(format.Unit(s.PPS, "pps"), 9), rank: 7, right: true},
	)
	segments = slices.DeleteFunc(segments, func(s segment) bool { return s.text == "" })
	if s.Counters.EventsLost == 0 {
		segments = append(segments, segment{text: "lost 0", rank: 5, right: true})
	}
	return segments
}

// pairText says that the pair is in sync, and its lag. What is wrong is a warning.
func pairText(p flow.Pair) string {
	if p.State != flow.PairInSync {
		return ""
	}
	return "in sync " + format.Short(p.Lag)
}

func modes(s *flow.Snapshot) string {
	var names []string
	for _, i := range s.Interfaces {
		if name := i.Mode.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, "/")
}

// problems returns the problems in the newest snapshot, worst first, even while an
// older one is on the screen.
func (m *root) problems() []string {
	var problems []string
	switch {
	case m.frame.Past:
		problems = append(problems, m.pastText())
	case m.frame.Paused:
		problems = append(problems, "paused")
	case m.options.deck != nil && m.options.deck.Held():
		problems = append(problems, "stopped")
	}
	if m.every > 1 {
		problems = append(problems, "slow link 1/"+strconv.Itoa(m.every))
	}
	if m.names != "" {
		problems = append(problems, "names not read")
	}
	s := m.frame.Latest
	if s == nil {
		return problems
	}
	for i := range s.Alerts {
		problems = append(problems, format.Clean(alert.Text(&s.Alerts[i])))
	}
	for _, w := range warnings(s) {
		problems = append(problems, format.Clean(w.String()))
	}
	if age := m.frame.Now.Sub(s.Time); age > max(oldest, 3*m.gap) {
		problems = append(problems, "scan "+format.Age(age)+" old")
	}
	if lost := s.Naming.Lost(); lost > 0 {
		problems = append(problems, "names lost "+strconv.FormatUint(lost, 10))
	}
	if lost := s.Counters.EventsLost; lost > 0 {
		problems = append(problems, "lost "+strconv.FormatUint(lost, 10))
	}
	return problems
}

// warnings returns each of a snapshot's warnings once, and one for every interface
// that is down without a warning.
func warnings(s *flow.Snapshot) flow.Warnings {
	list := flow.Warnings(nil).Add(s.Warnings...)
	if s.OfFleet() {
		return list // the page of hosts has theirs
	}
	for _, side := range s.Interfaces {
		if !side.Up && !side.Followed && !list.Down(side.Name) {
			list = list.Add(flow.Warning{Kind: flow.WarningDown, Interfaces: []string{side.Name}})
		}
	}
	return list
}

// choose returns the segments that fit, the lowest ranks first.
func choose(segments []segment, width int) []segment {
	keep := make([]bool, len(segments))
	used := 1 - segmentGap
	for rank := range ranks {
		for i, s := range segments {
			need := format.Width(s.text) + segmentGap
			if s.rank == rank && (rank == 0 || used+need <= width) {
				keep[i] = true
				used += need
			}
		}
	}
	var chosen []segment
	for i, s := range segments {
		if keep[i] {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

const (
	segmentGap = 2
	ranks      = 9
)

func joinSegments(segments []segment, width int) string {
	left, right := " ", ""
	leftWidth, rightWidth := 1, 0
	for _, s := range segments {
		if s.right {
			right += format.Blank(segmentGap) + s.style.Render(s.text)
			rightWidth += segmentGap + format.Width(s.text)
			continue
		}
		left += s.style.Render(s.text) + format.Blank(segmentGap)
		leftWidth += format.Width(s.text) + segmentGap
	}
	if right == "" {
		return strings.TrimSuffix(left, format.Blank(segmentGap)) // else it may be cut
	}
	gap := width - leftWidth - rightWidth
	if gap < 0 {
		right = strings.TrimPrefix(right, format.Blank(segmentGap))
	}
	return left + format.Blank(gap) + right
}
