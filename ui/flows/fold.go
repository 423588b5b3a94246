package flows

import (
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/conversation"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/keys"
	"ctop/ui/table"
)

// unfoldKey is only there in a fleet.
var unfoldKey = keys.Bind("u", "each host, or one row", "u")

// Keys returns the keys that no other page has.
func (p *Page) Keys() []key.Binding {
	if !p.options.Several {
		return nil
	}
	return []key.Binding{unfoldKey}
}

// arranged is what was arranged, with the flows of a conversation that several hosts see
// in one row, or below each other.
type arranged struct {
	order.Result
	// folded are the conversations by the flows that have a row.
	folded map[flow.ID]*conversation.Conversation
	met    map[flow.ID]table.Met
}

// fold shows each conversation as its first flow. Those that are unfolded have the others
// below it.
func fold(r order.Result, unfolded map[flow.ID]bool) arranged {
	a := arranged{Result: r}
	list := conversation.Find(r.Snapshot, r.Rows)
	if len(list) == 0 || len(r.Changes) > 0 {
		return a
	}
	a.folded, a.met = map[flow.ID]*conversation.Conversation{}, map[flow.ID]table.Met{}
	firsts, hidden := map[*flow.Flow]*conversation.Conversation{}, map[*flow.Flow]*flow.Flow{}
	for i := range list {
		first := list[i].Front()
		firsts[first] = &list[i]
		for _, s := range list[i].Sightings {
			if s.Flow != first {
				hidden[s.Flow] = first
			}
		}
	}
	a.Rows, a.Anchor = make([]*flow.Flow, 0, len(r.Rows)-len(hidden)), -1
	places := map[*flow.Flow]int{}
	for _, f := range r.Rows {
		if hidden[f] != nil {
			continue
		}
		places[f] = len(a.Rows)
		a.Rows = append(a.Rows, f)
		if c := firsts[f]; c != nil {
			a.addBelow(c, unfolded, places)
		}
	}
	a.Present -= len(r.Rows) - len(a.Rows)
	if r.Anchor >= 0 {
		a.Anchor = a.placeOf(r.Rows[r.Anchor], hidden, places)
	}
	return a
}

// placeOf returns the row of a flow, or of that behind which it stands.
func (a *arranged) placeOf(f *flow.Flow, hidden map[*flow.Flow]*flow.Flow, places map[*flow.Flow]int) int {
	if at, ok := places[f]; ok {
		return at
	}
	return places[hidden[f]]
}

// addBelow notes a conversation whose first flow is the last row, and adds rows for the
// others if it is unfolded. The copies that the partner of a pair has, under the same ID,
// have none.
func (a *arranged) addBelow(c *conversation.Conversation, unfolded map[flow.ID]bool, places map[*flow.Flow]int) {
	first := c.Front()
	a.folded[first.ID] = c
	met := table.Met{More: len(c.Sightings) - 1, Lost: len(c.Gaps()) > 0}
	if isUnfolded(c, unfolded) {
		met.More = a.addOthers(c, first, places)
	}
	a.met[first.ID] = met
}

// addOthers adds rows for the other flows of a conversation, and returns how many have none.
func (a *arranged) addOthers(c *conversation.Conversation, first *flow.Flow, places map[*flow.Flow]int) (without int) {
	rows := map[flow.ID]*flow.Flow{first.ID: first}
	for _, s := range c.Sightings {
		if row := rows[s.Flow.ID]; row == nil || row.Holding.Inherited && row != first {
			rows[s.Flow.ID] = s.Flow
		}
	}
	for _, s := range c.Sightings {
		if s.Flow == first {
			continue
		}
		if rows[s.Flow.ID] != s.Flow {
			without++
			places[s.Flow] = places[first]
			continue
		}
		a.folded[s.Flow.ID], a.met[s.Flow.ID] = c, table.Met{Below: true}
		places[s.Flow] = len(a.Rows)
		a.Rows = append(a.Rows, s.Flow)
	}
	return without
}

// isUnfolded reports whether a conversation is unfolded. Its first flow may have changed
// since.
func isUnfolded(c *conversation.Conversation, unfolded map[flow.ID]bool) bool {
	for _, s := range c.Sightings {
		if unfolded[s.Flow.ID] {
			return true
		}
	}
	return false
}

// unfold unfolds the selected conversation, or folds it.
func (p *Page) unfold() tea.Cmd {
	of := p.table.Selected()
	if of == nil {
		p.frame.WarnNoFlow()
		return nil
	}
	c := p.folded[of.ID]
	if c == nil {
		p.frame.Tell("only one host shows this flow here")
		return nil
	}
	was := isUnfolded(c, p.unfolded)
	for _, s := range c.Sightings {
		if was {
			delete(p.unfolded, s.Flow.ID)
		} else {
			p.unfolded[s.Flow.ID] = true
		}
	}
	p.table.Follow()
	return p.arranging.Renew()
}

// hides reports whether other flows stand behind a row.
func (p *Page) hides(f *flow.Flow) bool { return len(p.behind(f)) > 1 }

// behind returns the flows that a row stands for.
func (p *Page) behind(f *flow.Flow) []*flow.Flow {
	if f == nil {
		return nil
	}
	c := p.folded[f.ID]
	if c == nil || isUnfolded(c, p.unfolded) {
		return []*flow.Flow{f}
	}
	var list []*flow.Flow
	for _, s := range c.Sightings {
		list = append(list, s.Flow)
	}
	return list
}

// rowsBehind returns the flows that all rows stand for.
func (p *Page) rowsBehind() (list []*flow.Flow) {
	rows := p.table.Rows()
	if len(p.folded) == 0 {
		return rows
	}
	for _, f := range rows {
		list = append(list, p.behind(f)...)
	}
	return list
}

// surveyBehind looks up the flows behind the selected row to ask about them.
func (p *Page) surveyBehind(ask func(s order.Survey, by string, count bool)) tea.Cmd {
	list := p.behind(p.table.Selected())
	c := p.folded[list[0].ID]
	var hosts []string
	for _, s := range c.Sightings {
		hosts = append(hosts, s.Host)
	}
	by := "one conversation, at " + strings.Join(hosts, ", ")
	return survey(slices.Values(list), func(flow.ID) bool { return true }, func(s order.Survey) { ask(s, by, false) })
}
