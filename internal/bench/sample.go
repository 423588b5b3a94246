package main

import (
	"context"
	"fmt"
	"slices"
)

// Row is one measurement. Its samples are taken in turn with those of other
// rows.
type Row struct {
	Name string `json:"name"`
	// Unit is the unit of a sample, such as ns or Gbit/s.
	Unit    string    `json:"unit"`
	Median  float64   `json:"median"`
	Low     float64   `json:"low"`
	High    float64   `json:"high"`
	Samples []float64 `json:"samples"`
	// Note has additional data, such as retransmits and loss.
	Note string `json:"note,omitempty"`
	// Missing is the reason for a missing measurement.
	Missing string `json:"missing,omitempty"`
}

// probe is one of several measurements taken in turn.
type probe struct {
	name, unit string
	// take takes one sample.
	take func(ctx context.Context) (float64, error)
	// note returns additional data after the last sample.
	note func() string
}

// interleave takes samples of all probes in turn. The first round is a warm-up
// and is discarded.
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

// summarise computes the median and the quartiles.
func (r *Row) summarise() {
	sorted := slices.Sorted(slices.Values(r.Samples))
	if len(sorted) == 0 {
		return
	}
	at := func(share float64) float64 { return sorted[int(share*float64(len(sorted)-1)+0.5)] }
	r.Median, r.Low, r.High = at(0.5), at(0.25), at(0.75)
}
