package main

import (
	"context"
	"fmt"
	"slices"
)

// Row is one measurement: its samples, taken in turn with those of other rows.
type Row struct {
	Name string `json:"name"`
	// Unit is what a sample counts, as ns or Gbit/s.
	Unit    string    `json:"unit"`
	Median  float64   `json:"median"`
	Low     float64   `json:"low"`
	High    float64   `json:"high"`
	Samples []float64 `json:"samples"`
	// Note is what else was seen, as retransmits and loss.
	Note string `json:"note,omitempty"`
	// Missing says why there is no measurement.
	Missing string `json:"missing,omitempty"`
}

// probe is one of the things that are measured in turn.
type probe struct {
	name, unit string
	// take makes one sample.
	take func(ctx context.Context) (float64, error)
	// note tells, after the last sample, what else was seen.
	note func() string
}

// interleave takes samples of all probes in turn. The first round warms up and
// is thrown away.
func interleave(ctx context.Context, rounds int, probes []probe) ([]Row, error) {
	rows := make([]Row, len(probes))
	for round := range rounds + 1 {
		for i, p := range probes {
			if err := context.Cause(ctx); err != nil {
				return nil, err
			}
			value, err := p.take(ctx)
			if err != nil {
				return nil, fmt.Errorf("measure %s: %w", p.name, err)
			}
			if round > 0 {
				rows[i].Samples = append(rows[i].Samples, value)
			}
		}
	}
	for i, p := range probes {
		rows[i].Name, rows[i].Unit = p.name, p.unit
		rows[i].summarise()
		if p.note != nil {
			rows[i].Note = p.note()
		}
	}
	return rows, nil
}

// summarise works out the median and the quartiles.
func (r *Row) summarise() {
	sorted := slices.Sorted(slices.Values(r.Samples))
	if len(sorted) == 0 {
		return
	}
	at := func(share float64) float64 { return sorted[int(share*float64(len(sorted)-1)+0.5)] }
	r.Median, r.Low, r.High = at(0.5), at(0.25), at(0.75)
}
