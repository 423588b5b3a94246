// Package sick says what is wrong with a flow: the filter, the console and its pages
// ask it, and the limits are those of the configuration.
package sick

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"ctop/internal/format"
)

// Limits are the values from which on a flow is sick.
type Limits struct {
	// Retransmits is the share of a direction's packets that were sent again.
	Retransmits float64
	// Unacknowledged is how long a flow may be silent while data is in flight.
	Unacknowledged time.Duration
	// HalfOpen is how long a handshake may take.
	HalfOpen time.Duration
	// OneSided is how long one direction may be missing.
	OneSided time.Duration
	// RoundTrip is how many times the round trip of its handshake a socket's may be.
	RoundTrip float64
}

// Default returns the limits that apply without configuration.
func Default() Limits {
	return Limits{
		Retransmits: 0.01, Unacknowledged: time.Second, HalfOpen: 3 * time.Second, OneSided: 3 * time.Second, RoundTrip: 10,
	}
}

// current are the limits of this process. They are set before flows are shown.
var current atomic.Pointer[Limits]

// Use sets the limits of this process.
func Use(l Limits) { current.Store(&l) }

// limits returns the limits of this process.
func limits() Limits {
	if l := current.Load(); l != nil {
		return *l
	}
	return Default()
}

// setting is the name of a limit, and how it is read and written.
type setting struct {
	name string
	set  func(l *Limits, value string) error
	text func(l *Limits) string
}

var settings = [...]setting{
	{
		"retransmits", func(l *Limits, value string) error { return setShare(&l.Retransmits, value) },
		func(l *Limits) string { return strconv.FormatFloat(100*l.Retransmits, 'g', 4, 64) + "%" },
	},
	span("unacknowledged", func(l *Limits) *time.Duration { return &l.Unacknowledged }),
	span("half_open", func(l *Limits) *time.Duration { return &l.HalfOpen }),
	span("one_sided", func(l *Limits) *time.Duration { return &l.OneSided }),
	{
		"round_trip", func(l *Limits, value string) error { return setTimes(&l.RoundTrip, value) },
		func(l *Limits) string { return strconv.FormatFloat(l.RoundTrip, 'g', 4, 64) },
	},
}

func span(name string, of func(*Limits) *time.Duration) setting {
	return setting{
		name, func(l *Limits, value string) error {
			d, err := time.ParseDuration(value)
			if err != nil || d <= 0 {
				return fmt.Errorf("%q is not a duration: write it like 3s", value)
			}
			*of(l) = d
			return nil
		},
		func(l *Limits) string { return format.Timeout(*of(l)) },
	}
}

func setShare(share *float64, value string) error {
	percent, err := strconv.ParseFloat(strings.TrimSuffix(value, "%"), 64)
	if err != nil || !(percent > 0 && percent <= 100) {
		return fmt.Errorf("%q is not a share: write it like 1%%", value)
	}
	*share = percent / 100
	return nil
}

func setTimes(times *float64, value string) error {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || !(n > 1) {
		return fmt.Errorf("%q is not a multiple: write it like 10", value)
	}
	*times = n
	return nil
}

// Names returns the names of the limits.
func Names() []string {
	var names []string
	for _, s := range settings {
		names = append(names, s.name)
	}
	return names
}

// Set changes a limit, as in "half_open=5s".
func (l *Limits) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("%q has no value: write it like half_open=3s", text)
	}
	for _, s := range settings {
		if s.name == name {
			return s.set(l, value)
		}
	}
	return fmt.Errorf("no limit is called %q: use %s", name, strings.Join(Names(), ", "))
}

// String returns the limits as [Limits.Set] reads them, separated by commas.
func (l *Limits) String() string {
	var parts []string
	for _, s := range settings {
		parts = append(parts, s.name+"="+s.text(l))
	}
	return strings.Join(parts, ",")
}
