package flow

import "time"

// News is a line for the log of events that is about no single event. Numbers rise.
type News struct {
	Number uint64
	Time   time.Time
	Text   string
}

// Alert is a condition on flows that holds now.
type Alert struct {
	Name string
	// Filter selects the flows that it is about.
	Filter string
	// Began is when the alert began.
	Began time.Time
	// Flows is the number of those flows, and BPS their rate in bits per second.
	Flows int
	BPS   float64
	// Bell is set if a console is to ring when it begins.
	Bell bool `json:",omitempty"`
}
