package ui

import (
	"ctop/ui/page"
	"ctop/ui/theme"
)

// Settings are what an operator has chosen and would like to find again.
type Settings = page.Settings

// View is what the flows show, as it is saved under a name.
type View = page.View

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
	s := Settings{Rates: m.frame.Unit.String(), Theme: m.options.look.String(), Names: m.frame.Names.On(), Filters: m.frame.Filters, Views: m.views.Views()}
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
	m.setUnit(s.Rates)
	m.frame.Names.Set(s.Names)
	m.frame.Filters = s.Filters
	m.views.SetViews(s.Views)
	for _, t := range m.frame.Tabs() {
		t.Page.Restore(s)
	}
}
