package tracker

import (
	"context"
	"log/slog"

	"ctop/tracker/collect"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// Collector takes snapshots, expires flows, collects events and maintains the
// attachments, for any number of readers.
type Collector = collect.Collector

// CollectorOptions configures a collector. All zero values are valid.
type CollectorOptions = collect.Options

// Sampler takes snapshots with the rates since the previous one. It neither
// expires flows nor becomes the owner.
type Sampler = collect.Sampler

// NewCollector returns a collector for t that does nothing before its Run.
func NewCollector(t *Tracker, o CollectorOptions) *Collector { return collect.New(source{t}, o) }

// NewSampler returns a sampler for t.
func NewSampler(t *Tracker) *Sampler { return collect.NewSampler(source{t}) }

// source implements [collect.Source].
type source struct{ *Tracker }

// Snapshot reads the table, and sets the rates.
func (s source) Snapshot(r *kernel.Rates) (*flow.Snapshot, error) { return s.snapshot(r) }

// Table returns the flow table.
func (s source) Table() *kernel.Table { return s.table }

// MaxFlows returns the capacity of the table.
func (s source) MaxFlows() int { return s.hold.Description().MaxFlows }

// Readers returns the registry of event readers.
func (s source) Readers() *kernel.Readers { return s.readers }

// Owned reports whether this process owns the tracker.
func (s source) Owned() bool { return s.hold.Owned() }

// WhyNotSent returns the most likely reason why an interface does not send
// packets.
func (s source) WhyNotSent(i int) string { return s.attachments.WhyNotSent(i) }

// Log returns the logger.
func (s source) Log() *slog.Logger { return s.log }

// Maintain keeps the programs attached while this process owns the tracker. It
// makes this process the owner if there is none.
func (s source) Maintain(ctx context.Context, report func(flow.Warnings)) error {
	m := maintenance{tracker: s.Tracker}
	return m.run(ctx, report)
}
