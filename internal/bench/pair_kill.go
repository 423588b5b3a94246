package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ctop/tracker"
	"ctop/tracker/flow"
)

const (
	// pairSettled is the time after which the partner has to know what happened to a flow.
	pairSettled = 200 * time.Millisecond
	// pairTalking flows have a packet every second, and pairKilled flows begin a second, when
	// a half is killed.
	pairTalking = 2000
	pairKilled  = 20_000
)

// flowsOf returns some flows of a half, and when they were read.
func (h *pairHalf) flowsOf(ctx context.Context, some func(*flow.Flow) bool) (all map[flow.ID]flow.Flow, at time.Time, err error) {
	t, err := tracker.Join(ctx, h.ports[0], h.ports[1])
	if err != nil {
		return nil, at, err
	}
	s, err := t.Snapshot()
	if err = errors.Join(err, t.Close()); err != nil {
		return nil, at, err
	}
	all = map[flow.ID]flow.Flow{}
	for i := range s.Flows {
		if some(&s.Flows[i]) {
			all[s.Flows[i].ID] = s.Flows[i]
		}
	}
	return all, s.Time, nil
}

// flows returns the flows of a half whose packets were played, and when they were read.
func (h *pairHalf) flows(ctx context.Context) (map[flow.ID]flow.Flow, time.Time, error) {
	return h.flowsOf(ctx, func(f *flow.Flow) bool { return f.Tuple.Src.Addr().As4()[0] == 11 })
}

// talk opens connections, and plays a packet of each every second until ctx is done.
func (p *player) talk(ctx context.Context) error {
	for n := range uint32(pairTalking) {
		if err := p.play(p.next+n, p.script[:pairOpening]); err != nil {
			return err
		}
	}
	again := p.script[2:3]
	for next := time.Now(); ; {
		if next = next.Add(time.Second); !sleep(ctx, time.Until(next)) {
			return nil
		}
		for n := range uint32(pairTalking) {
			if err := p.play(p.next+n, again); err != nil {
				return err
			}
		}
	}
}

// sleep reports whether ctx lasted.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// killed kills the ctop of one half while flows begin and end there, and compares what its
// partner knows of those that it has had time to hear of.
func (r *pairRun) killed(ctx context.Context, o Options) error {
	a, b := r.halves[0], r.halves[1]
	opens, err := newPlayer(a, 1<<22)
	if err != nil {
		return err
	}
	defer opens.program.Close()
	talks, err := newPlayer(a, 1<<23)
	if err != nil {
		return err
	}
	defer talks.program.Close()
	playing, stop := context.WithCancel(ctx)
	defer stop()
	played := make(chan error, 2)
	go func() { played <- opens.open(playing, pairKilled, time.Hour) }()
	go func() { played <- talks.talk(playing) }()
	time.Sleep(time.Duration(o.rounds(10, 8)) * time.Second)
	killed := time.Now()
	a.kill()
	here, at, err := a.flows(ctx)
	there, thereAt, thereErr := b.flows(ctx)
	stop()
	for range cap(played) {
		if wrong := <-played; wrong != nil && !errors.Is(wrong, context.Canceled) {
			err = errors.Join(err, wrong)
		}
	}
	if err = errors.Join(err, thereErr); err != nil {
		return err
	}
	return r.compare(here, there, at.Sub(killed), thereAt.Sub(at))
}

// compare compares the flows of a half that were read some time after it was killed with
// those of its partner, which were read later.
func (r *pairRun) compare(here, there map[flow.ID]flow.Flow, after, later time.Duration) error {
	var all, known int
	var ages, counters []float64
	for id, f := range here {
		talks := f.Tuple.Src.Addr().As4()[1] >= 128
		if f.Age-after < pairSettled || !talks && f.Idle-after < pairSettled {
			continue
		}
		all++
		g, found := there[id]
		if !found || g.State != f.State {
			continue
		}
		known++
		ages = append(ages, float64((g.Age-f.Age-later).Abs())/float64(time.Millisecond))
		if talks { // one of its packets a second, without those after the kill
			counters = append(counters, float64(f.Origin.Packets-g.Origin.Packets)-after.Seconds())
		}
	}
	if len(counters) == 0 {
		return fmt.Errorf("the partner knows %d of %d flows, and none that goes on", known, all)
	}
	r.row("flows at the partner, same id and state, after kill -9", "%", fmt.Sprintf("of %d, begun at %d a second, at least 99.99", all, pairKilled), 100*float64(known)/float64(all))
	r.row("their ages differ by at most", "ms", "at most 50", slices.Max(ages))
	r.row("their counters are older by at most", "s", "at most 5", slices.Max(counters))
	return nil
}
