// Package flows is the page of the flows, and sorts them.
package flows

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/conversation"
	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/chooser"
	"ctop/ui/filterline"
	"ctop/ui/page"
	"ctop/ui/table"
	"ctop/ui/trace"
	"ctop/ui/work"
)

// Export writes flows, in the order in which they are shown, and says where.
// It runs off the console's goroutine.
type Export func(s *flow.Snapshot, flows []*flow.Flow) (where string, err error)

// Options say what becomes of an export. The export key needs one of the two.
type Options struct {
	Export Export
	// ExportElsewhere returns the command that exports what a filter shows from
	// elsewhere.
	ExportElsewhere page.Elsewhere
	// Several is set if the flows are those of several hosts.
	Several bool
}

// Page is the page.
type Page struct {
	page.Base
	frame   *page.Frame
	acts    *acting.Acts
	traces  *trace.Traces
	options Options

	table table.Model
	by    order.By
	// compareBy is what the flows are sorted by while they are compared, and changes
	// counts those that are shown then.
	compareBy order.By
	changes   changes
	// present is how many flows are shown, without those that have ended.
	present int
	// living is how many flows there are, without those that have ended.
	living int
	// sick is the number of all flows with which something is wrong.
	sick      int
	marked    map[flow.ID]flow.Ref
	arranging *work.Task[arranged]
	// folded are the conversations that several hosts see, by the flows that have a row,
	// and unfolded those whose flows have a row each, by all their flows.
	folded   map[flow.ID]*conversation.Conversation
	unfolded map[flow.ID]bool
}

// New returns the page, without flows.
func New(f *page.Frame, a *acting.Acts, t *trace.Traces, o Options) *Page {
	p := &Page{
		frame: f, acts: a, traces: t, options: o,
		table:  table.New(f.Theme, f.Names),
		by:     order.By{Key: firstSort, Desc: true},
		marked: map[flow.ID]flow.Ref{}, compareBy: firstCompareSort, unfolded: map[flow.ID]bool{},
	}
	p.table.SetMarked(p.marked)
	p.table.SetTraces(t)
	p.markChanged()
	p.arranging = work.NewTask(f.Clock, p.arrange, p.show)
	return p
}

// Update arranges the flows again when what is shown has changed.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case page.SnapshotTaken:
		if !p.frame.Paused {
			p.arranging.Outdate()
		}
	case page.EventsTaken:
		if p.frame.Latest == nil || !p.frame.Latest.OfFleet() { // what ended was perhaps not among the first
			p.takeEvents(msg.All)
		}
	case page.Polled:
		p.forgetEnded()
		p.table.SetSince(p.frame.Since())
		return p.arranging.Run()
	case page.MarkChanged, page.FilterChanged:
		p.markChanged()
		p.table.SetEnded(p.frame.EndedReasons())
		return p.arranging.Renew()
	case page.UnitChanged:
		p.setUnit()
		return p.arranging.Renew()
	case page.NamesChanged:
		return p.rename(msg.Switched)
	case page.PauseChanged:
		return p.pauseChanged(msg.Before)
	case page.PastChanged:
		p.table.SetEnded(p.frame.EndedReasons())
		p.table.SetSince(p.frame.Since())
		return p.arranging.Renew()
	case page.FlowOpened:
		p.arranging.Outdate() // to look for that flow
	}
	return nil
}

func (p *Page) setUnit() {
	p.by.Packets = p.frame.Unit.IsPackets()
	p.table.SetUnit(p.frame.Unit)
}

func (p *Page) rename(switched bool) tea.Cmd {
	if switched {
		p.table.Renamed()
	} else {
		p.table.Named()
	}
	if !p.frame.Filter().UsesNames() {
		return nil
	}
	p.arranging.Outdate()
	return p.arranging.Run()
}

// HandleKey takes the keys of the page, and those that act on the selected flow.
func (p *Page) HandleKey(msg tea.KeyMsg) (tea.Cmd, bool) {
	k := p.frame.Keys
	switch {
	case key.Matches(msg, k.Filter):
		filterline.Open(p.frame)
	case key.Matches(msg, k.Sort):
		p.frame.Ask(&sortDialog{flows: p, before: p.order()})
	case key.Matches(msg, k.Reverse):
		return p.reverse(), true
	case key.Matches(msg, k.Mark):
		p.toggleMark()
	case key.Matches(msg, k.DeleteAll):
		return p.surveyShown(), true
	case key.Matches(msg, k.Enter):
		return p.frame.OpenFlow(p.table.Selected()), true
	case key.Matches(msg, k.Export):
		return p.export(), true
	case p.options.Several && key.Matches(msg, unfoldKey):
		return p.unfold(), true
	case key.Matches(msg, k.Columns):
		chooser.Open(p.frame, columns{&p.table})
	case key.Matches(msg, k.Back):
		return p.undo(), true
	case key.Matches(msg, k.Delete) && len(p.marked) > 0:
		return p.surveyMarked(func(s order.Survey) { p.acts.AskDeleteAll(s, "marked", false) }), true
	case key.Matches(msg, k.Reset) && len(p.marked) > 0:
		return p.surveyMarked(func(s order.Survey) { p.acts.AskResetAll(s, "marked") }), true
	case key.Matches(msg, k.Capture) && len(p.marked) > 0:
		return p.acts.HandleCapture(msg, slices.Collect(maps.Values(p.marked))...)
	case key.Matches(msg, k.Delete) && p.hides(p.table.Selected()):
		return p.surveyBehind(p.acts.AskDeleteAll), true
	case key.Matches(msg, k.Reset) && p.hides(p.table.Selected()):
		return p.surveyBehind(func(s order.Survey, by string, _ bool) { p.acts.AskResetAll(s, by) }), true
	default:
		of := p.table.Selected()
		if _, acts := p.acts.Attempt(msg, of); acts {
			p.table.Follow() // the next key is meant for the same flow
		}
		return p.acts.HandleKey(msg, acting.Flow{Flow: of, Ended: p.table.Went()})
	}
	return nil, true
}

// undo takes back one thing at a time: the marks, the last drill-down, the filter, the
// comparison.
func (p *Page) undo() tea.Cmd {
	switch {
	case len(p.marked) > 0:
		clear(p.marked)
		return nil
	case p.frame.CameFrom() != "":
		return p.frame.Retrace()
	case p.frame.Comparing() && p.frame.FilterText() == "":
		return p.frame.ToggleCompare()
	}
	return p.frame.SetFilter(filter.Filter{})
}

// Click selects a flow, or sorts by the column whose title is hit.
func (p *Page) Click(x, y int) tea.Cmd {
	if k, title := p.table.Click(x, y); title {
		return p.sortByKey(k)
	}
	return nil
}

// Attempt returns what a key would do to the selected, marked or shown flows.
func (p *Page) Attempt(msg tea.KeyMsg) (page.Attempt, bool) {
	k := p.frame.Keys
	switch {
	case key.Matches(msg, k.DeleteAll):
		rows := p.table.Rows()
		some := rows[:min(len(rows), page.MostAttempted)]
		return page.Attempt{Act: flow.Deletion(refsOf(some)...), Count: len(rows)}, true
	case key.Matches(msg, k.Delete) && len(p.marked) > 0:
		return p.attemptOnMarked(flow.ActDelete), true
	case key.Matches(msg, k.Reset) && len(p.marked) > 0:
		return p.attemptOnMarked(flow.ActReset), true
	}
	if key.Matches(msg, k.Capture) && len(p.marked) > 0 {
		if _, begins := p.acts.Attempt(msg, nil); begins {
			return p.attemptOnMarked(flow.ActCapture), true
		}
	}
	return p.acts.Attempt(msg, p.table.Selected())
}

// Move moves the cursor by a number of flows.
func (p *Page) Move(lines int) { p.table.Move(lines) }

// Page moves the cursor by pages.
func (p *Page) Page(pages int) { p.table.Page(pages) }

// Top puts the cursor on the first line, whatever flow comes there.
func (p *Page) Top() { p.table.Top() }

// Bottom puts the cursor on the last flow.
func (p *Page) Bottom() { p.table.Bottom() }

// SetSize gives the page its room.
func (p *Page) SetSize(width, height int) { p.table.SetSize(width, height) }

// Lines draws the flows, or says why there are none.
func (p *Page) Lines() []string {
	lines := p.table.Lines()
	if len(p.table.Rows()) > 0 {
		return lines
	}
	return append(lines, p.frame.Empty(p.emptiness())...)
}

// emptiness says why no flow is shown.
func (p *Page) emptiness() string {
	if f := p.frame; f.Shown != nil && p.living > 0 && p.sick == 0 && f.AsksSick() {
		return "no flow is sick; Esc shows all " + format.Count(p.living)
	}
	return p.frame.Emptiness()
}

// Facts returns the filter, what is unusual about the view, and how many flows are
// shown.
func (p *Page) Facts() []string {
	f := p.frame
	facts := f.FilterFacts()
	if f.Unit != 0 {
		facts = append(facts, "rates in "+f.Unit.String())
	}
	if !slices.Contains(p.table.Keys(), p.order().Key) {
		facts = append(facts, "by "+p.order().Key)
	}

	if n := len(p.marked); n > 0 {
		facts = append(facts, fmt.Sprintf("%d marked", n))
	}
	if n := len(p.table.Rows()) - p.present; n > 0 && f.Filter().WantsEnded() {
		facts = append(facts, format.Count(n)+" ended")
	}
	if f.Shown != nil {
		facts = append(facts, p.position()...)
	}
	if f.Comparing() {
		facts = append(facts, "since "+f.MarkName(), p.changes.String())
	}
	return append(p.metFacts(), facts...)
}

// metFacts says where packets of the selected conversation are lost.
func (p *Page) metFacts() (facts []string) {
	of := p.table.Selected()
	if of == nil {
		return nil
	}
	if c := p.folded[of.ID]; c != nil {
		for _, g := range c.Gaps() {
			facts = append(facts, g.Short())
		}
	}
	return facts
}

// position returns the row that the operator chose, and how many flows are shown.
func (p *Page) position() []string {
	shown := page.Fraction(p.present, p.living)
	if p.frame.Shown.OfFleet() {
		shown = format.Count(p.present) + " shown" // the header says how many match
	}
	row, chosen := p.table.Row()
	switch comparing := p.frame.Comparing(); {
	case !chosen && comparing:
		return nil
	case !chosen:
		return []string{shown}
	case comparing:
		return []string{"row " + page.Fraction(row+1, len(p.table.Rows()))}
	}
	place := "row " + page.Fraction(row+1, len(p.table.Rows()))
	if p.present == p.living {
		return []string{place}
	}
	return []string{place, shown}
}

// Hints returns the keys of the page, or of a drill-down to it.
func (p *Page) Hints() []page.Hint {
	k := p.frame.Keys
	if from := p.frame.CameFrom(); from != "" {
		return []page.Hint{
			{Key: k.Back, Does: "back to " + from},
			{Key: k.Delete, Does: "delete", Acts: true},
			{Key: k.DeleteAll, Does: "delete all", Acts: true},
			{Key: k.Sort, Does: "sort"},
			{Key: k.Enter, Does: "detail"},
			p.frame.PauseHint(),
		}
	}
	hints := []page.Hint{
		{Key: k.Filter, Does: "filter"},
		{Key: k.Sort, Does: "sort"},
		{Key: k.Sick, Does: p.sickness()},
		{Key: k.Delete, Does: "delete", Acts: true},
		p.frame.TabHint("Timeouts"),
		{Key: k.Mark, Does: "mark", Acts: true},
		{Key: k.Enter, Does: "detail"},
		{Key: k.Rates, Does: "rates"},
		{Key: k.Copy, Does: "copy"},
		{Key: k.Like, Does: "like this"},
		{Key: k.Columns, Does: "columns"},
		{Key: k.Names, Does: "names"},
		p.acts.CaptureHint(),
	}
	at := slices.IndexFunc(hints, func(h page.Hint) bool { return h.Does == "rates" })
	if p.frame.Past {
		at = 0 // the way back comes first
	}
	return slices.Insert(hints, at, p.frame.PauseHint())
}

// sickness says how many flows are sick.
func (p *Page) sickness() string {
	if p.sick == 0 {
		return "sick"
	}
	return format.Count(p.sick) + " sick"
}

// Aside returns the selected flow.
func (p *Page) Aside() page.Aside {
	a := page.Aside{Terse: p.table.Terse()}
	a.Narrow, a.Widest = p.table.Narrow()
	if f := p.table.Selected(); f != nil {
		a.Tuple = table.TupleText(f)
	}
	if a.Terse {
		a.Facts = p.table.Facts()
	}
	return a
}

// Addresses returns the addresses of the flows on the screen.
func (p *Page) Addresses() []netip.Addr { return p.table.Addresses() }

// Rows returns the flows that are shown, in order.
func (p *Page) Rows() []*flow.Flow { return p.table.Rows() }

// Selected returns the flow under the cursor, nil if there is none.
func (p *Page) Selected() *flow.Flow { return p.table.Selected() }
