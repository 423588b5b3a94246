package page

import "time"

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
