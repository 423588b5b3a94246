package tracker

import (
	"time"

	"ctop/tracker/flow"
)

// Sampler takes snapshots of a tracker one after the other, each with the rates
// since the one before. It expires nothing and takes nothing over. Its methods
// are called from one goroutine.
type Sampler struct {
	tracker *Tracker
	rates   rates
}

// NewSampler returns a sampler that has read nothing yet.
func NewSampler(t *Tracker) *Sampler { return &Sampler{tracker: t} }

// Begin reads what the rates of the first snapshot are to begin with. Without it
// they are zero. It takes less time and far less memory than a snapshot.
func (s *Sampler) Begin() error {
	c, err := s.tracker.readClock()
	if err != nil {
		return err
	}
	perCPU, err := s.tracker.readStats()
	if err != nil {
		return err
	}
	counters := countersFromKernel(perCPU)
	list := make([]flowVolume, 0, roomFor(present(counters)))
	err = s.tracker.kernel.table.each(func(_ *kernelKey, v *kernelFlow) {
		list = append(list, flowVolumeFromKernel(v))
	})
	if err != nil {
		return err
	}
	s.rates.begin(c.wall, volume{counters.Packets, counters.Bytes}, list)
	return nil
}

// Snapshot takes the next snapshot.
func (s *Sampler) Snapshot() (*flow.Snapshot, error) {
	started := time.Now()
	snapshot, err := s.tracker.snapshot()
	if err != nil {
		return nil, err
	}
	s.rates.apply(snapshot)
	snapshot.Took = time.Since(started)
	return snapshot, nil
}
