package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// costRates are how many flows begin a second while it is measured what a pair adds.
var costRates = []int{0, 1000}

// costRest is how long nobody has read the metrics when it is measured: after that snapshots are
// taken for a while.
const costRest = 15 * time.Second

// costs measures what a pair adds to a tracker: its ctop serves in turn with a partner and
// without, beside the same flows.
func costs(ctx context.Context, o Options) (rows []Row, err error) {
	r, err := newPairRun(ctx)
	defer func() { err = errors.Join(err, r.close()) }()
	if err != nil {
		return nil, err
	}
	a, b := r.halves[0], r.halves[1]
	if err := r.startHalf(ctx, a); err != nil {
		return nil, err
	}
	if err := a.fill(dataFrame(), pairFlows); err != nil {
		return nil, err
	}
	if err := r.startHalf(ctx, b); err != nil {
		return nil, err
	}
	p, err := newPlayer(a, 0)
	if err != nil {
		return nil, err
	}
	defer p.program.Close()
	c := &costRun{pairRun: r, player: p, span: time.Duration(o.rounds(15, 8)) * time.Second, shares: map[costOf][]float64{}}
	for range o.rounds(4, 1) {
		for _, alone := range []bool{true, false} {
			if err := c.again(ctx, alone); err != nil {
				return c.rows, err
			}
			for _, rate := range costRates {
				if err := c.measure(ctx, alone, rate); err != nil {
					return c.rows, err
				}
			}
		}
	}
	for _, rate := range costRates {
		c.report(rate)
	}
	return c.rows, nil
}

// costRun measures one ctop serve again and again.
type costRun struct {
	*pairRun
	*player
	span   time.Duration
	shares map[costOf][]float64
}

// costOf is what was measured: the half that tells or the partner, and beside how many new
// flows a second, and without a partner.
type costOf struct {
	half, rate int
	alone      bool
}

// again starts the first half again, with a partner or alone, and waits until it rests.
func (c *costRun) again(ctx context.Context, alone bool) error {
	a, b := c.halves[0], c.halves[1]
	_ = a.cmd.Process.Signal(syscall.SIGUSR1)
	if err := a.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: leave the tracker to the next one: %w", a.name, err)
	}
	a.alone = alone
	if err := c.startHalf(ctx, a); err != nil {
		return err
	}
	if !alone {
		if err := errors.Join(a.until(ctx, "is in sync", isSynced), b.until(ctx, "is in sync", isSynced)); err != nil {
			return err
		}
	}
	if !sleep(ctx, costRest) {
		return ctx.Err()
	}
	return nil
}

// measure takes the processor time of both halves while flows begin.
func (c *costRun) measure(ctx context.Context, alone bool, rate int) error {
	played := make(chan error, 1)
	go func() { played <- c.open(ctx, rate, c.span) }()
	shares := c.spend(c.span)
	if err := <-played; err != nil {
		return err
	}
	for half, share := range shares {
		of := costOf{half, rate, alone}
		c.shares[of] = append(c.shares[of], share)
	}
	return nil
}

// report makes the rows of a rate, with what a pair adds in the middle.
func (c *costRun) report(rate int) {
	for half, who := range []string{"who tells", "the partner"} {
		with, without := c.shares[costOf{half, rate, false}], c.shares[costOf{half, rate, true}]
		what := fmt.Sprintf("%d new flows a second, %s, ", rate, who)
		c.row(what+"alone", "% core", "", without...)
		c.row(what+"in a pair", "% core", "", with...)
		note := ""
		if rate > 0 {
			note = "at most 5"
		}
		added := slices.Clone(with)
		for i := range added {
			added[i] -= without[i]
		}
		c.row(what+"added", "% core", note, added...)
	}
}
