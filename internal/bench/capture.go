package main

import (
	"context"
	"net/netip"

	"ctop/tracker"
	"ctop/tracker/flow"
)

// Names of rows of frames while something is captured.
const (
	captureNobody = "live frames, ctop native, nobody captures"
	captureOthers = "live frames, ctop native, other flows are captured"
)

// captures measures frames of flows that nobody captures, while others are captured. The
// captures' own flows are quiet.
func captures(ctx context.Context, o Options) ([]Row, error) {
	r, err := newRig(ctx, 1, byNative, smallTable)
	if err != nil {
		return nil, err
	}
	defer r.close()
	g, err := newGallery(r)
	if err != nil {
		return nil, err
	}
	frames := o.rounds(2_000_000, 300_000)
	shoot := func(context.Context) (float64, error) { return g.shoot(1, frames) }
	others := flow.Rule{Ends: [2]flow.RuleEnd{{Net: netip.MustParsePrefix("203.0.113.9/32")}}}
	return interleave(ctx, o.rounds(12, 4), []probe{
		{name: captureNobody, unit: "Mpps", take: shoot},
		{name: captureOthers, unit: "Mpps", take: r.capturing(shoot, others)},
	})
}

// capturing takes a sample while packets of flows that fit a rule are captured.
func (r *rig) capturing(take func(context.Context) (float64, error), rule flow.Rule) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		c, err := r.tracker.Capture(tracker.CaptureOptions{Snap: tracker.MaxSnap, Rate: 50_000, Rules: []flow.Rule{rule}})
		if err != nil {
			return 0, err
		}
		defer c.Close()
		reading, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, err := range c.Packets(reading) {
				if err != nil {
					return
				}
			}
		}()
		rate, err := take(ctx)
		stop()
		<-done
		return rate, err
	}
}
