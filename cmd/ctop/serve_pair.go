package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"ctop/internal/fleet"
	"ctop/internal/fleet/link"
	"ctop/internal/fleet/standby"
	"ctop/internal/ipfix"
	"ctop/internal/pair"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// pairFlags are the options of one half of a pair.
type pairFlags struct{ name string }

func (f *pairFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.name, "pair", "", "pair of two hosts of the fleet that tell each other all flows, so that either can take over")
}

// checkPlace refuses interfaces whose order is not the operator's: by it both hosts find the
// same flow.
func (f *pairFlags) checkPlace(interfaces []string) error {
	if f.name != "" && slices.Contains(interfaces, tracker.All) {
		return usagef("--pair: name the interfaces, in the same order on both hosts: of all, the order is each machine's own")
	}
	return nil
}

func (f *pairFlags) check(fleets *fleetFlags) error {
	if f.name == "" {
		return nil
	}
	if fleets.url == "" {
		return usagef("--pair works only with --fleet, by which the two hosts meet: add --fleet and --creds")
	}
	if err := fleet.CheckName("a pair", f.name); err != nil {
		return usagef("--pair: %w", err)
	}
	return nil
}

// half returns one half of a pair, nil without one. exporter may be nil.
func (f *pairFlags) half(t *tracker.Tracker, fleets *fleetFlags, exporter *ipfix.Exporter, log *slog.Logger) (*standby.Half, error) {
	if f.name == "" {
		return nil, f.forget(t)
	}
	if !t.Owned() {
		return nil, errors.New("--pair: another ctop owns this tracker, and would end flows of the partner: end that one first; a console leaves the tracker running with q and then k")
	}
	table, err := t.Partner()
	if err != nil {
		return nil, err
	}
	status, err := t.Status()
	if err != nil {
		return nil, err
	}
	began := time.Now().Add(-status.Uptime)
	return standby.New(standby.Options{
		Name: f.name, Log: log,
		Link: link.Options{URL: fleets.url, Credentials: fleets.known, Plain: fleets.plain},
		Pair: pair.Options{
			Table: exported(table, exporter), Capacity: status.MaxFlows, Version: shortVersion(),
			Uptime: func() time.Duration { return time.Since(began) },
		},
		Say:   t.SetPair,
		Watch: func(ctx context.Context, to *pair.Pair) error { return tellOwn(ctx, t, to) },
	}), nil
}

// forget lets nobody think that the tracker is of a pair: a ctop that was killed may have
// said so, to the programs too.
func (f *pairFlags) forget(t *tracker.Tracker) error {
	s, err := t.Status()
	if err != nil || s.Pair.State == flow.PairNone || !t.Owned() {
		return err
	}
	if table, err := t.Partner(); err == nil { // else the programs know of no pair
		if err := table.Pair(false, false); err != nil {
			return err
		}
	}
	return t.SetPair(flow.Pair{})
}

// tellOwn tells a pair what happens to own flows.
func tellOwn(ctx context.Context, t *tracker.Tracker, to *pair.Pair) error {
	return t.Changes(ctx, func() {}, func(c tracker.Change) {
		switch {
		case c.Mark:
			to.CaughtUp()
		case c.Ended:
			to.Ended(c.Key, c.ID, c.Reason)
		case c.Moved:
			to.Moved(c.Key)
		default:
			to.Changed(c.Key)
		}
	})
}

// firstHello is in which time a partner that lives is heard: both hubs may be starting.
const firstHello = 10 * time.Second

// inSync returns an error while the partner has not told all of its flows, and while it may
// not have been heard yet.
func inSync(h *standby.Half, now time.Time) error {
	if h == nil {
		return nil
	}
	s := h.Status()
	switch p := s.Pair(); {
	case p.State == flow.PairCatchingUp:
		return fmt.Errorf("the pair is catching up: the flows of %s are not all here yet", p.Partner)
	case p.State == flow.PairAlone && now.Sub(h.Began()) < firstHello:
		return fmt.Errorf("the pair has not heard its partner yet, for which it listens %s", firstHello)
	}
	return nil
}

// withPair returns warnings with what is known of the partner now: those of a snapshot may be
// of a second ago, and say the contrary of inSync.
func withPair(of flow.Warnings, now flow.Pair) flow.Warnings {
	others := slices.DeleteFunc(slices.Clone(of), func(w flow.Warning) bool { return w.Kind == flow.WarningPair })
	return append(others, now.Warnings()...)
}
