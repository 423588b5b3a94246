package page

import "time"

// Host is a host of a fleet.
type Host struct {
	Name string
	// State is here, stale, gone or left.
	State           string
	Age             time.Duration
	Version, Place  string
	Flows, MaxFlows int
	Lost, Full      uint64
	Alarms          []string
}

// Here reports whether nothing is wrong with the host's connection.
func (h *Host) Here() bool { return h.State == "here" }
