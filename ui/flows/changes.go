package flows

import (
	"fmt"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/diff"
	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/keys"
	"ctop/ui/work"
)

// firstCompareSort is what flows are sorted by while they are compared.
var firstCompareSort = order.Expected(order.ByDelta)

// changes counts what became of flows.
type changes [diff.Same]int

func count(rows []diff.Row) (c changes) {
	for i := range rows {
		c[rows[i].Change]++
	}
	return c
}

// String returns the counts, as in "3 came 2 went 5 changed".
func (c changes) String() string {
	return format.Count(c[diff.Came]) + " came " + format.Count(c[diff.Went]) + " went " + format.Count(c[diff.Changed]) + " changed"
}

// order returns what the flows are sorted by now.
func (p *Page) order() order.By {
	if p.frame.Comparing() {
		return p.compareBy
	}
	return p.by
}

// Order returns what the flows are sorted by.
func (p *Page) Order() order.By { return p.by }

// setOrder sorts by something else.
func (p *Page) setOrder(by order.By) {
	if p.frame.Comparing() {
		p.compareBy = by
	} else {
		p.by = by
	}
	p.table.SetBy(by)
}

// markChanged arranges the flows again if what they are compared with has changed.
func (p *Page) markChanged() {
	p.table.SetComparing(p.frame.Comparing())
	p.table.SetBy(p.order())
}

// compareWith says what came, went and changed since a snapshot that a pause showed.
func (p *Page) compareWith(before *flow.Snapshot) tea.Cmd {
	f := p.frame
	after, lasted := f.Latest, f.Now.Sub(f.PausedAt)
	if before == nil || after == nil || after.OfFleet() {
		return nil // of a fleet there are the first flows only: others come and go among them
	}
	more := ""
	if f.MarkPause(before) {
		more = "; " + keys.ShortName(f.Keys.Compare) + " shows them"
	}
	return work.Do(func() string { return summary(before, after) }, func(text string) tea.Cmd {
		if strings.HasPrefix(text, unchanged) {
			more = "" // there is nothing to show
		}
		f.Tell("after " + format.Age(lasted) + ": " + text + more)
		return nil
	})
}

// unchanged begins the summary where there is nothing to be shown.
const unchanged = "0 flows came, 0 went, 0 changed "

// summary says what came, went, and has another state.
func summary(before, after *flow.Snapshot) string {
	var c changes
	for row := range diff.NewMark(before, diff.ByID).With(after).Rows() {
		if row.Change < diff.Changed || row.Change == diff.Changed && row.Before.State != row.After.State {
			c[row.Change]++
		}
	}
	return fmt.Sprintf("%s came, %s went, %s changed state",
		format.Plural(c[diff.Came], "flow"), format.Count(c[diff.Went]), format.Count(c[diff.Changed]))
}

// gone returns the flows on the screen that are not in the table any more.
func (p *Page) gone() map[flow.ID]flow.Reason {
	gone := p.frame.EndedReasons()
	for _, r := range p.table.Changes() {
		if r.Change == diff.Went {
			gone[r.Before.ID] = flow.ReasonNone
		}
	}
	return gone
}
