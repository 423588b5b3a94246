package flows

import (
	"iter"
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/page"
	"ctop/ui/work"
)

// toggleMark marks the selected flow, or takes its mark away, and goes down.
func (p *Page) toggleMark() {
	f := p.table.Selected()
	if f == nil {
		return
	}
	_, was := p.marked[f.ID]
	for _, one := range p.behind(f) {
		if was {
			delete(p.marked, one.ID)
		} else if !p.frame.Ended.Has(one.ID) && !p.table.Went() {
			p.marked[one.ID] = one.Ref()
		}
	}
	p.table.Move(1)
}

// surveyMarked looks up the marked flows to ask about them, also those that the
// filter hides.
func (p *Page) surveyMarked(ask func(order.Survey)) tea.Cmd {
	if p.frame.Shown == nil {
		return nil
	}
	marked := make(map[flow.ID]bool, len(p.marked))
	for id := range p.marked {
		marked[id] = true
	}
	return survey(order.All(p.frame.Shown), func(id flow.ID) bool { return marked[id] }, ask)
}

// surveyShown looks up all the flows that the filter shows to ask about their
// deletion.
func (p *Page) surveyShown() tea.Cmd {
	ended, rows := p.gone(), p.rowsBehind()
	living := func(id flow.ID) bool {
		_, gone := ended[id]
		return !gone
	}
	return survey(slices.Values(rows), living, func(s order.Survey) {
		p.acts.AskDeleteAll(s, p.shownBy(), true)
	})
}

func survey(flows iter.Seq[*flow.Flow], wanted func(flow.ID) bool, ask func(order.Survey)) tea.Cmd {
	return work.Do(func() order.Survey { return order.NewSurvey(flows, wanted) }, func(s order.Survey) tea.Cmd {
		ask(s)
		return nil
	})
}

// shownBy says what the flows have in common that are shown.
func (p *Page) shownBy() string {
	if text := p.frame.FilterText(); text != "" {
		return "filter  " + format.Clean(text)
	}
	return "no filter: every flow of the table"
}

func (p *Page) attemptOnMarked(kind flow.ActKind) page.Attempt {
	a := page.Attempt{Act: flow.Act{Kind: kind}, Count: len(p.marked)}
	for _, ref := range p.marked {
		if a.Flows = append(a.Flows, ref); len(a.Flows) == page.MostAttempted {
			break
		}
	}
	return a
}

func refsOf(flows []*flow.Flow) (refs []flow.Ref) {
	for _, f := range flows {
		refs = append(refs, f.Ref())
	}
	return refs
}
