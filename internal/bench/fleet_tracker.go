package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"ctop/internal/fleet"
	"ctop/internal/fleet/agent"
	"ctop/internal/fleet/link"
	"ctop/internal/order"
	"ctop/tracker"
)

// watchedFlows is the table of the tracker that a fleet looks at.
const watchedFlows = 100_000

// fleetTracker measures what a fleet costs a host: the processor time of this process, in which
// a real tracker with many flows and its agent run and nothing else, while nobody looks and
// while a console does.
func fleetTracker(ctx context.Context, o Options) (rows []Row, err error) {
	r, err := newRig(ctx, 1, byNative, middleTable)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.fill(dataFrame(), watchedFlows); err != nil {
		return nil, err
	}
	f, err := newFleetRun(ctx, 0, 0)
	defer func() { err = errors.Join(err, f.close()) }()
	if err != nil {
		return nil, err
	}
	known, err := fleet.ReadCredentials(filepath.Join(f.dir, hostName(0)))
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c := tracker.NewCollector(r.tracker, tracker.CollectorOptions{})
	go func() { _ = c.Run(ctx) }() // without it there would be no flows
	a, err := agent.New(agent.Options{Source: c, Version: "bench", Link: link.Options{URL: fleetAddress, Credentials: known}})
	if err != nil {
		return nil, err
	}
	go func() { _ = a.Run(ctx) }()
	time.Sleep(15 * time.Second) // snapshots are taken for some seconds after the last reader
	share := func() (list []float64) {
		for range o.rounds(5, 2) {
			began, before := time.Now(), processTime()
			time.Sleep(fleetLive)
			list = append(list, 100*float64(processTime()-before)/float64(time.Since(began)))
		}
		return list
	}
	f.hosts, f.flows = 1, watchedFlows
	f.row("a real tracker, nobody looking", "% core", "", share()...)
	if err := f.startConsole(ctx); err != nil {
		return nil, err
	}
	f.row("a real tracker, one console", "% core", "with its snapshots, two a second", share()...)
	if err := f.changedFilter(c, o); err != nil {
		return nil, err
	}
	return f.rows, nil
}

// changedFilter measures what it costs a host to answer a filter that it has not seen.
func (r *fleetRun) changedFilter(source agent.Source, o Options) error {
	var took []float64
	for i := range o.rounds(50, 10) {
		s := source.Snapshot()
		before := processTime()
		v := fleet.View{Filter: fmt.Sprintf("tcp !dport:%d out_bytes>1", i+1), Sort: "rate:desc", Limit: fleet.MaxTop}
		f, by, err := v.Parse()
		if err != nil {
			return err
		}
		top := order.First(s, f, by, v.Limit)
		if _, err := fleet.Pages(s, top.Rows); err != nil {
			return err
		}
		took = append(took, float64(processTime()-before)/float64(time.Millisecond))
		time.Sleep(100 * time.Millisecond)
	}
	r.row("a real tracker, to answer a filter", "ms core", "", took...)
	return nil
}
