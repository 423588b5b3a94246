package collect

import (
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// Sampler takes snapshots of a tracker with the rates since the previous one.
// It neither expires flows nor becomes the owner. Its methods must not be
// called concurrently.
type Sampler struct {
	source Source
	rates  kernel.Rates
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
	return table.BeginRates(c, &s.rates)
}

// Prepare gets the memory of the next snapshot ahead of time.
func (s *Sampler) Prepare() error { return s.source.Table().Prepare(&s.rates) }

// Forget gives back the memory of the volumes. The next snapshot has no rates, unless
// Begin is called before.
func (s *Sampler) Forget() { s.rates = kernel.Rates{} }

// Snapshot takes the next snapshot.
func (s *Sampler) Snapshot() (*flow.Snapshot, error) { return s.source.Snapshot(&s.rates) }
