package events

import (
	"cmp"
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// sorting is what the events are sorted by.
type sorting uint8

const (
	// byTime is the order of the log, in which it is followed.
	byTime sorting = iota
	byBytes
	byAge
	numSortings
)

// String names what is sorted by.
func (s sorting) String() string { return [numSortings]string{"time", "bytes", "age"}[s] }

// compare compares two events. Notices have neither bytes nor an age.
func (s sorting) compare(a, b *entry) int {
	switch s {
	case byBytes:
		return cmp.Compare(volume(a), volume(b))
	case byAge:
		return cmp.Compare(a.Age, b.Age)
	}
	return 0 // as in the log
}

func volume(e *entry) uint64 {
	if e.Type == flow.EventDestroy {
		return e.Origin.Bytes + e.Reply.Bytes
	}
	return 0
}

// sorting returns what is sorted by: acts and sessions have nothing but a time.
func (p *Page) sorting() sorting {
	if p.only {
		return byTime
	}
	return p.by
}

// logged reports whether the events are shown as in the log, the newest last.
func (p *Page) logged() bool { return p.sorting() == byTime && (p.by != byTime || !p.desc) }

// sortNext sorts by the next column, the largest first, or by time, the newest last.
func (p *Page) sortNext() tea.Cmd {
	if p.only {
		p.by, p.desc = byTime, p.logged()
		return p.resort()
	}
	p.by = (p.by + 1) % numSortings
	p.desc = p.by != byTime
	return p.resort()
}

// reverse turns the order round.
func (p *Page) reverse() tea.Cmd {
	if p.only {
		return p.sortNext()
	}
	p.desc = !p.desc
	return p.resort()
}

// sorted names an order that is not the log's.
func (p *Page) sorted() string { return "by " + p.sorting().String() + " " + p.arrow() }

func (p *Page) arrow() string {
	if p.desc {
		return "▼"
	}
	return "▲"
}

// resort shows everything in the present order, from its beginning: of the log, that is
// the newest.
func (p *Page) resort() tea.Cmd {
	p.follow = p.logged()
	p.refilter()
	if !p.logged() {
		p.window.To(0)
	}
	p.settle()
	return nil
}

// order puts the shown entries into their order.
func (p *Page) order() {
	if p.logged() {
		return
	}
	entries := p.entries()
	slices.Sort(p.shown)
	slices.SortStableFunc(p.shown, func(a, b int) int { return p.sorting().compare(&entries[a], &entries[b]) })
	if p.desc {
		slices.Reverse(p.shown)
	}
}

// export writes the shown events to a file.
func (p *Page) export() tea.Cmd {
	if p.options.Export == nil {
		return p.frame.Export("", nil, p.options.ExportElsewhere)
	}
	entries := p.entries()
	var events []flow.Event
	for _, i := range p.shown {
		if entries[i].notice == "" {
			events = append(events, entries[i].Event)
		}
	}
	return p.frame.Export(format.Plural(len(events), "event"), func() (string, error) { return p.options.Export(events) }, nil)
}
