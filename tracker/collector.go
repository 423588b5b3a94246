package tracker

import (
	"context"
	"log/slog"

	"ctop/tracker/collect"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// Collector takes snapshots, expires flows, gathers events and looks after the
// interfaces, for any number of readers.
type Collector = collect.Collector

// CollectorOptions says how often and how much to collect.
type CollectorOptions = collect.Options

// Sampler takes snapshots one after the other, each with the rates since the one
// before. It expires nothing and takes nothing over.
type Sampler = collect.Sampler

// NewCollector returns a collector for t that does nothing until it is run.
func NewCollector(t *Tracker, o CollectorOptions) *Collector { return collect.New(source{t}, o) }

// NewSampler returns a sampler that has read nothing yet.
func NewSampler(t *Tracker) *Sampler { return collect.NewSampler(source{t}) }

// source is a tracker as collectors see it.
type source struct{ *Tracker }

// Table returns the flow table.
func (s source) Table() *kernel.Table { return s.table }

// MaxFlows is the capacity of the table.
func (s source) MaxFlows() int { return s.hold.Description().MaxFlows }

// Readers registers readers of events.
func (s source) Readers() *kernel.Readers { return s.readers }

// Owned reports whether this process owns the tracker.
func (s source) Owned() bool { return s.hold.Owned() }

// WhyNotSent returns why an interface does not send what it is given.
func (s source) WhyNotSent(i int) string { return s.attachments.WhyNotSent(i) }

// Log gets what is worth telling.
func (s source) Log() *slog.Logger { return s.log }

// Maintain looks after the interfaces while this process owns the tracker, and makes it
// the owner where the one before is gone.
func (s source) Maintain(ctx context.Context, report func(flow.Warnings)) error {
	m := maintenance{tracker: s.Tracker}
	return m.run(ctx, report)
}
