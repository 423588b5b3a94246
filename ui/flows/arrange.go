package flows

import (
	"maps"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/page"
)

// arrange returns what filters and sorts the flows, nil before the first snapshot.
func (p *Page) arrange() func() arranged {
	if p.frame.Target == nil {
		return nil
	}
	request, unfolded := p.request(), maps.Clone(p.unfolded)
	return func() arranged { return fold(order.Arrange(request), unfolded) }
}

func (p *Page) request() order.Request {
	r := order.Request{
		Snapshot: p.frame.Target, Filter: p.frame.Filter(), By: p.by,
		Ended:  p.frame.EndedFlows(),
		Before: p.table.Rows(),
		Watch:  p.frame.Watched(),
		Since:  p.frame.Mark(),
	}
	if r.Since != nil {
		r.By = p.compareBy
	}
	if f := p.table.Selected(); f != nil {
		r.Anchor = f.ID
	}
	return r
}

// show puts arranged flows on the screen.
func (p *Page) show(r arranged) tea.Cmd {
	p.folded = r.folded
	p.frame.Shown, p.present, p.living, p.sick = r.Snapshot, r.Present, r.Living, r.Sick
	p.table.SetSnapshot(r.Snapshot)
	p.table.SetSince(p.frame.Since())
	p.table.SetChanges(r.Changes)
	p.table.SetMet(r.met)
	p.changes = count(r.Changes)
	p.table.SetRows(r.Rows, r.AnchorID, r.Anchor)
	if !p.frame.Past {
		p.traces.Note(r.Snapshot, p.table.Visible())
	}
	return p.frame.Broadcast(page.ShownChanged{Watched: r.Watched})
}

// takeEvents forgets the marks of flows that have ended, and keeps the flows on the
// screen for a moment.
func (p *Page) takeEvents(events []flow.Event) {
	finds := p.frame.Filter().WantsEnded() && !p.frame.Paused
	for i := range events {
		e := &events[i]
		if e.Type != flow.EventDestroy {
			continue
		}
		delete(p.marked, e.ID)
		if e.Recovered {
			continue // why it ended is not known: it has just left the table
		}
		// What ended before the first flow was shown has never been on the screen. In a
		// capture, whose clock stands still, it would stay for good.
		stays := p.frame.Ended.Take(e, p.frame.Now, p.frame.Paused || p.frame.Shown == nil)
		if stays || finds {
			p.arranging.Outdate()
		}
	}
}

// forgetEnded takes flows from the screen that have been shown as ended for long
// enough.
func (p *Page) forgetEnded() {
	f := p.frame
	if f.Paused {
		return
	}
	if f.Ended.ForgetPast(f.Now) && f.Filter().WantsEnded() {
		p.arranging.Outdate()
	}
	var target time.Time
	if f.Target != nil {
		target = f.Target.Time
	}
	if f.Ended.ForgetRecent(f.Now, target) {
		p.arranging.Outdate()
	}
	p.table.SetEnded(f.EndedReasons())
}

// pauseChanged shows what was frozen. When the console goes on it says what came,
// went and changed meanwhile.
func (p *Page) pauseChanged(before *flow.Snapshot) tea.Cmd {
	f := p.frame
	p.table.SetSince(f.Since())
	if f.Paused {
		return p.arranging.Renew()
	}
	return tea.Batch(p.arranging.Renew(), p.compareWith(before))
}

// export writes what is shown to a file, or says what command would do so elsewhere.
func (p *Page) export() tea.Cmd {
	if p.options.Export == nil {
		return p.frame.Export("", nil, p.options.ExportElsewhere)
	}
	if p.frame.Shown == nil {
		return nil
	}
	s, rows := p.frame.Shown, p.exported()
	return p.frame.Export(format.Plural(len(rows), "flow"), func() (string, error) { return p.options.Export(s, rows) }, nil)
}

// exported returns the flows that are shown. Those that ended a moment ago are still
// to be seen, and belong to a file only if the filter asks for them.
func (p *Page) exported() []*flow.Flow {
	rows := p.table.Rows()
	if p.frame.Filter().WantsEnded() {
		return rows
	}
	ended := p.gone()
	return slices.DeleteFunc(slices.Clone(rows), func(f *flow.Flow) bool {
		_, gone := ended[f.ID]
		return gone
	})
}
