package flows

import (
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/order"
	"ctop/ui/chooser"
	"ctop/ui/page"
	"ctop/ui/table"
)

// Save saves the columns and the order.
func (p *Page) Save(s *page.Settings) {
	s.Columns, s.Sort = p.table.Chosen(), p.by.String()
}

// Restore restores the columns and the order. It ignores names that no longer mean
// anything.
func (p *Page) Restore(s page.Settings) {
	if s.Columns != nil {
		p.table.Choose(s.Columns)
	}
	p.SortBy(s.Sort)
	p.setUnit()
}

// ShowView shows the columns and the order of a view.
func (p *Page) ShowView(v page.View) tea.Cmd {
	p.table.Choose(v.Columns)
	p.SortBy(v.Sort)
	p.setUnit()
	return p.arranging.Renew()
}

// SortBy sorts by an order like "in" or "age:asc", and reports whether there is such
// an order.
func (p *Page) SortBy(text string) bool {
	by, err := order.Parse(text)
	if err != nil {
		return false
	}
	p.by = by
	p.setUnit()
	p.table.SetBy(p.order())
	return true
}

// Greeting says by what the flows are sorted, if that is not the first order.
func (p *Page) Greeting() string {
	if p.by == p.ordered(firstSort) {
		return ""
	}
	return "sorted by " + p.by.Key + ", as you left it; s 0 sorts by " + firstSort + " again"
}

// columns are the columns of the table, for the dialog that chooses them.
type columns struct{ *table.Model }

// Choices returns the columns that one can choose.
func (c columns) Choices() []chooser.Choice {
	var choices []chooser.Choice
	for _, one := range table.Columns() {
		choices = append(choices, chooser.Choice{Name: one.Name, Means: one.Means, On: c.Has(one.Name), NoRoom: c.Has(one.Name) && !c.Shows(one.Name)})
	}
	return choices
}
