package collect

import (
	"time"

	"ctop/tracker/flow"
)

// Sampler takes snapshots of a tracker with the rates since the previous one.
// It neither expires flows nor becomes the owner. Its methods must not be
// called concurrently.
type Sampler struct {
	source Source
	rates  rates
}

// NewSampler returns a sampler for s.
func NewSampler(s Source) *Sampler { return &Sampler{source: s} }

// Begin reads the volumes from which the first snapshot's rates are computed.
// Without it they are zero. It takes less time and far less memory than a
// snapshot.
func (s *Sampler) Begin() error {
	table := s.source.Table()
	c, err := table.ReadClock()
	if err != nil {
		return err
	}
	list, total, err := table.Volumes()
	if err != nil {
		return err
	}
	s.rates.begin(c.Wall, total, list)
	return nil
}

// Snapshot takes the next snapshot.
func (s *Sampler) Snapshot() (*flow.Snapshot, error) {
	started := time.Now()
	snapshot, err := s.source.Snapshot()
	if err != nil {
		return nil, err
	}
	s.rates.apply(snapshot)
	snapshot.Took = time.Since(started)
	return snapshot, nil
}
