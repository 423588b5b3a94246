package ui

import (
	"ctop/internal/format"
	"ctop/ui/page"
	"ctop/ui/theme"
)

// Settings are what an operator has chosen and would like to find again.
type Settings = page.Settings

// WithSettings begins with what was chosen at another time. What no longer has a
// meaning is ignored.
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
	s := Settings{Rates: m.frame.Unit.String(), Theme: m.options.look.String(), Names: m.frame.Names.On(), Filters: m.frame.Filters}
	if m.options.interval != DefaultInterval {
		s.Interval = m.options.interval
	}
	for _, t := range m.frame.Tabs() {
		t.Page.Save(&s)
	}
	return s
}

// restore takes settings over.
func (m *root) restore(s Settings) {
	for u := format.Bits; u <= format.Packets; u++ {
		if u.String() == s.Rates {
			m.frame.Unit = u
		}
	}
	m.frame.Names.Set(s.Names)
	m.frame.Filters = s.Filters
	for _, t := range m.frame.Tabs() {
		t.Page.Restore(s)
	}
}
