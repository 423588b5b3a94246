// Package together has the pages about all hosts of a fleet together: the overview and the
// timeouts.
package together

import (
	"cmp"
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/internal/sick"
	"ctop/ui/page"
	"ctop/ui/work"
)

// Summary is what a host says of all its flows.
type Summary struct {
	Host string
	order.Summary
}

// Ask returns the summaries of all hosts, by their names, and whether those that are there have
// had time to send one. It does not run on the console's goroutine.
type Ask func() (list []Summary, settled bool)

// reading asks while a page is open.
type reading struct {
	frame  *page.Frame
	of     page.Page
	ask    Ask
	task   *work.Task[answer]
	answer answer
}

type answer struct {
	list    []Summary
	settled bool
}

func newReading(f *page.Frame, of page.Page, ask Ask) *reading {
	r := &reading{frame: f, of: of, ask: ask}
	r.task = work.NewTask(f.Clock, r.prepare, r.take)
	return r
}

func (r *reading) prepare() func() answer {
	if r.frame.Tab() != r.of || r.ask == nil {
		return nil
	}
	return func() answer {
		list, settled := r.ask()
		return answer{list, settled}
	}
}

func (r *reading) take(a answer) tea.Cmd {
	if a.settled || len(r.answer.list) == 0 {
		r.answer = a
	}
	return nil
}

// update asks again with every look at the source.
func (r *reading) update(msg tea.Msg) tea.Cmd {
	switch msg.(type) {
	case page.Opened:
		return r.task.Renew()
	case page.Polled:
		if !r.frame.Paused {
			r.task.Outdate()
			return r.task.Run()
		}
	}
	return nil
}

// Overview is the page of the sums over all hosts.
type Overview struct {
	page.Scrolling
	reading *reading
	frame   *page.Frame
	known   func() []page.Host
}

// NewOverview returns an empty page. known returns the hosts.
func NewOverview(f *page.Frame, ask Ask, known func() []page.Host) *Overview {
	p := &Overview{frame: f, known: known}
	p.reading = newReading(f, p, ask)
	return p
}

// Update asks the hosts while the page is open.
func (p *Overview) Update(msg tea.Msg) tea.Cmd { return p.reading.update(msg) }

// HandleKey handles the key that returns to the flows.
func (p *Overview) HandleKey(msg tea.KeyMsg) (tea.Cmd, bool) {
	if key.Matches(msg, p.frame.Keys.Back) {
		return p.frame.OpenTab(0), true
	}
	return nil, false
}

// SetSize draws the page.
func (p *Overview) SetSize(width, height int) {
	p.Width, p.Height = width, height
	p.Draw(p.all())
}

// Lines returns the visible part.
func (p *Overview) Lines() []string {
	if len(p.reading.answer.list) == 0 {
		return p.frame.Empty("asking " + format.Plural(p.frame.HostsHere, "host"))
	}
	return p.Scrolling.Lines()
}

// Facts says how many hosts are in the sums, and how much is below.
func (p *Overview) Facts() []string {
	return append([]string{answered(p.reading, p.frame)}, p.Scrolling.Facts()...)
}

func answered(r *reading, f *page.Frame) string {
	if n := len(r.answer.list); n < f.HostsHere {
		return format.Count(n) + " of " + format.Plural(f.HostsHere, "host")
	}
	return format.Plural(len(r.answer.list), "host")
}

// Hints returns the keys of the page.
func (p *Overview) Hints() []page.Hint {
	return []page.Hint{{Key: p.frame.Keys.Down, Does: "scroll"}, p.frame.TabHint("Hosts"), p.frame.TabHint("Talkers"), p.frame.PauseHint()}
}

// mostNamed is how many hosts a list names.
const mostNamed = 8

func (p *Overview) all() []string {
	list := p.reading.answer.list
	if len(list) == 0 {
		return nil
	}
	var sum order.Summary
	for i := range list {
		sum = sum.Plus(&list[i].Summary)
	}
	lines := p.troubles(list)
	blocks := []page.Block{
		{Title: "all hosts", Lines: p.sums(&sum)},
		{Title: "flows by state", Lines: page.StateLines(sum.ByState[:], sum.Flows)},
		{Title: "sick flows", Lines: sickLines(&sum)},
		{Title: "most sick flows", Lines: ranked(list, func(s *Summary) float64 { return float64(s.AllSick()) }, func(s *Summary) string { return format.Count(s.AllSick()) })},
		{Title: "fullest tables", Lines: ranked(list, fill, func(s *Summary) string { return format.Percent(s.Flows, s.MaxFlows) })},
		{Title: "busiest", Lines: ranked(list, func(s *Summary) float64 { return s.BPS }, func(s *Summary) string { return strings.TrimSpace(format.Unit(s.BPS, "b/s")) })},
		{Title: "flows without room", Lines: ranked(list, noRoom, func(s *Summary) string { return format.Total(s.Counters.TableFull) })},
		{Title: "events lost", Lines: ranked(list, lost, func(s *Summary) string { return format.Total(s.Counters.EventsLost) })},
		{Title: "packets dropped", Lines: ranked(list, dropped, func(s *Summary) string { return format.Total(s.Counters.Dropped) })},
	}
	return append(lines, p.frame.Beside(blocks, p.Width)...)
}

func fill(s *Summary) float64    { return float64(s.Flows) / float64(max(s.MaxFlows, 1)) }
func noRoom(s *Summary) float64  { return float64(s.Counters.TableFull) }
func lost(s *Summary) float64    { return float64(s.Counters.EventsLost) }
func dropped(s *Summary) float64 { return float64(s.Counters.Dropped) }

// troubles names hosts that are not here, what trackers warn of, alerts, and the worst flow of
// the host with most sick ones.
func (p *Overview) troubles(list []Summary) []string {
	var texts []string
	for _, h := range p.known() {
		if !h.Here() {
			texts = append(texts, h.Name+" is "+h.State+", heard of "+format.Words(h.Age)+" ago")
		}
	}
	for i := range list {
		for _, w := range list[i].Warnings {
			texts = append(texts, list[i].Host+": "+w)
		}
		for _, a := range list[i].Alerts {
			texts = append(texts, list[i].Host+": alert "+a)
		}
	}
	var lines []string
	for _, text := range texts[:min(len(texts), mostNamed)] {
		lines = append(lines, " "+p.frame.Theme.Alert.Render(" "+format.Cut(format.Clean(text), p.Width-4)+" "))
	}
	if more := len(texts) - mostNamed; more > 0 {
		lines = append(lines, "   and "+format.Count(more)+" more: the hosts' own consoles have them")
	}
	if worst := slices.MaxFunc(list, func(a, b Summary) int { return cmp.Compare(a.AllSick(), b.AllSick()) }); worst.Worst != "" {
		lines = append(lines, format.Cut(" worst of "+worst.Host+"  "+format.Clean(worst.Worst), p.Width))
	}
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	return lines
}

func (p *Overview) sums(s *order.Summary) []string {
	c := &s.Counters
	return []string{
		page.Fact("hosts here", format.Count(p.frame.HostsHere)+" of "+format.Count(len(p.known()))),
		page.Fact("traffic", strings.TrimSpace(format.Unit(s.BPS, "b/s"))+", "+strings.TrimSpace(format.Unit(s.PPS, "pps"))),
		page.Fact("flows", format.Count(s.Flows)+" of "+format.Count(s.MaxFlows)),
		page.Fact("half open", format.Percent(s.HalfOpen, s.TCP)+" of "+format.Count(s.TCP)+" TCP"),
		page.Fact("seen one way", format.Percent(s.OneSided, s.Flows)+", "+format.Count(s.OneSided)),
		page.Fact("own timeout", format.Count(s.Pinned)),
		page.Fact("invalid packets", format.Total(c.Invalid)+" of "+format.Total(c.Packets)),
		page.Fact("no room for", format.Total(c.TableFull)),
		page.Fact("events lost", format.Total(c.EventsLost)),
	}
}

func sickLines(s *order.Summary) (lines []string) {
	for k := sick.NumKinds - 1; k > 0; k-- {
		if n := s.Sick[k]; n > 0 {
			lines = append(lines, page.Fact(sick.Kind(k).String(), format.Count(n)))
		}
	}
	if len(lines) == 0 {
		return []string{"none"}
	}
	return append(lines, page.Fact("all", format.Count(s.AllSick())))
}

// ranked lists the hosts with the most of something. Equal ones stand by their names.
func ranked(list []Summary, of func(*Summary) float64, text func(*Summary) string) (lines []string) {
	list = slices.DeleteFunc(slices.Clone(list), func(s Summary) bool { return of(&s) <= 0 })
	slices.SortStableFunc(list, func(a, b Summary) int { return cmp.Compare(of(&b), of(&a)) })
	for i := range list[:min(len(list), mostNamed)] {
		lines = append(lines, format.Left(format.Clean(list[i].Host), 18)+" "+format.Right(text(&list[i]), 12))
	}
	if len(list) == 0 {
		return []string{"none"}
	}
	return lines
}
