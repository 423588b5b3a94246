package main

import (
	"context"

	"ctop/tracker"
)

// running is a collector at work.
type running struct {
	// done is closed when it has ended; err is why.
	done   chan struct{}
	err    error
	cancel context.CancelFunc
}

// startCollector runs a collector until it is stopped or ctx is done.
func startCollector(ctx context.Context, c *tracker.Collector) *running {
	ctx, cancel := context.WithCancel(ctx)
	r := &running{done: make(chan struct{}), cancel: cancel}
	go func() {
		defer close(r.done)
		r.err = c.Run(ctx)
	}()
	return r
}

// stop ends the collector and waits until it has.
func (r *running) stop() {
	r.cancel()
	<-r.done
}

// ended returns why the collector has ended, nil if it has not.
func (r *running) ended() error {
	select {
	case <-r.done:
		return r.err
	default:
		return nil
	}
}
