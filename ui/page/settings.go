package page

import "time"

// Settings are an operator's choices that last longer than a session. The zero value
// of each field is its default.
type Settings struct {
	// Columns are the columns of the flows by name.
	Columns []string `json:"columns,omitempty" toml:"columns,omitempty"`
	// Sort is the order of the flows, as in "in_rate" or "age:asc".
	Sort string `json:"sort,omitempty" toml:"sort,omitempty"`
	// Rates is the unit of rates: bits, bytes or packets.
	Rates string `json:"rates,omitempty" toml:"rates,omitempty"`
	// Group is the grouping of the talkers.
	Group string `json:"group,omitempty" toml:"group,omitempty"`
	// Theme is auto, dark or light.
	Theme string `json:"theme,omitempty" toml:"theme,omitempty"`
	// Interval is the time between two looks at the tracker.
	Interval time.Duration `json:"interval,omitempty" toml:"interval,omitempty"`
	// Views are what was saved under a name.
	Views map[string]View `json:"views,omitempty" toml:"views,omitempty"`
	// Filters are the last filters that were typed, the latest first.
	Filters []string `json:"filters,omitempty" toml:"filters,omitempty"`
	// Names shows names in place of addresses and ports.
	Names bool `json:"names,omitempty" toml:"names,omitempty"`
}

// View is what the flows show: which of them, in which order, and what of each. An empty
// value is the default.
type View struct {
	Filter  string   `json:"filter,omitempty" toml:"filter,omitempty"`
	Sort    string   `json:"sort,omitempty" toml:"sort,omitempty"`
	Columns []string `json:"columns,omitempty" toml:"columns,omitempty"`
	Rates   string   `json:"rates,omitempty" toml:"rates,omitempty"`
}
