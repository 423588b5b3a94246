package ui

import (
	"slices"
	"time"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/ui/theme"
)

// Settings are what an operator has chosen and would like to find again. The
// zero value of each is the default.
type Settings struct {
	// Columns are the columns of the flows by name.
	Columns []string `json:"columns,omitempty" toml:"columns,omitempty"`
	// Sort is what flows are sorted by, as in "in" or "age:asc".
	Sort string `json:"sort,omitempty" toml:"sort,omitempty"`
	// Rates is what rates count: bits, bytes or packets.
	Rates string `json:"rates,omitempty" toml:"rates,omitempty"`
	// Group is what talkers are grouped by.
	Group string `json:"group,omitempty" toml:"group,omitempty"`
	// Theme is auto, dark or light.
	Theme string `json:"theme,omitempty" toml:"theme,omitempty"`
	// Interval is the time between two looks at the tracker.
	Interval time.Duration `json:"interval,omitempty" toml:"interval,omitempty"`
	// Names shows names in place of addresses and ports.
	Names bool `json:"names,omitempty" toml:"names,omitempty"`
}

// WithSettings begins with what was chosen at another time. What no longer has
// a meaning is passed over.
func WithSettings(s Settings) Option {
	return func(o *options) {
		o.settings = s
		if s.Interval > 0 {
			o.interval = max(s.Interval, shortestInterval)
		}
		if look, ok := theme.ParseLook(s.Theme); ok {
			o.look = look
		}
	}
}

// Settings returns what is chosen now.
func (m Model) Settings() Settings {
	s := Settings{
		Columns: m.flows.Chosen(), Sort: sortText(m.by), Rates: m.unit.String(),
		Group: m.grouping.String(), Theme: m.options.look.String(), Names: m.names.On(),
	}
	if m.options.interval != DefaultInterval {
		s.Interval = m.options.interval
	}
	return s
}

// apply takes settings over.
func (m *Model) apply(s Settings) {
	if s.Columns != nil {
		m.flows.Choose(s.Columns)
	}
	if by, ok := parseSort(s.Sort); ok {
		m.by = by
	}
	for u := format.Bits; u <= format.Packets; u++ {
		if u.String() == s.Rates {
			m.unit = u
		}
	}
	if g, ok := order.ParseGrouping(s.Group); ok {
		m.grouping = g
	}
	m.names.Set(s.Names)
	m.applyUnit()
	m.flows.SetBy(m.by)
}

// begin takes an order over. Without one it greets with the order that was left, if
// that is not the first one.
func (m *Model) begin(sort string) {
	if by, ok := parseSort(sort); ok {
		m.by = by
		m.applyUnit()
		m.flows.SetBy(m.by)
		return
	}
	if by := m.ordered(firstSort); m.by != by {
		m.greeting = "sorted by " + sortName(m.by.Key) + ", as you left it; s 0 sorts by " + sortName(firstSort) + " again"
	}
}

// sortText writes an order as "key:direction".
func sortText(by order.By) string {
	direction := "asc"
	if by.Desc {
		direction = "desc"
	}
	return sortName(by.Key) + ":" + direction
}

// parseSort reads what [sortText] wrote.
func parseSort(text string) (by order.By, ok bool) {
	for _, s := range sortKeys {
		for _, desc := range []bool{false, true} {
			by := order.By{Key: s.key, Desc: desc}
			if sortText(by) == text {
				return by, true
			}
		}
		if s.name == text {
			return order.By{Key: s.key, Desc: s.key.Numeric()}, true
		}
	}
	return by, false
}

// SortNames returns everything that flows can be sorted by.
func SortNames() []string {
	var names []string
	for _, s := range sortKeys {
		names = append(names, s.name)
	}
	slices.Sort(names)
	return names
}
