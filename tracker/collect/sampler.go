package collect

import (
	"time"

	"ctop/tracker/flow"
)

// Sampler takes snapshots of a tracker one after the other, each with the rates
// since the one before. It expires nothing and takes nothing over. Its methods
// are called from one goroutine.
type Sampler struct {
	source Source
	rates  rates
}

// NewSampler returns a sampler that has read nothing yet.
func NewSampler(s Source) *Sampler { return &Sampler{source: s} }

// Begin reads what the rates of the first snapshot are to begin with. Without it
// they are zero. It takes less time and far less memory than a snapshot.
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
