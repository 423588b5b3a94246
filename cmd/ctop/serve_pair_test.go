package main

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"ctop/internal/fleet/standby"
	"ctop/internal/pair"
	"ctop/tracker/flow"
)

// A half that has just begun may not know flows of a partner that lives: it is healthy once
// it has listened for it.
func TestListensForItsPartner(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	h := standby.New(standby.Options{Name: "gate", Log: log, Pair: pair.Options{Capacity: 1024}})
	for after, healthy := range map[time.Duration]bool{0: false, firstHello - 1: false, firstHello: true} {
		if err := inSync(h, h.Began().Add(after)); err == nil != healthy {
			t.Errorf("%s after the start: %v", after, err)
		}
	}
	if err := inSync(nil, time.Now()); err != nil {
		t.Errorf("without a pair: %v", err)
	}
}

// What /healthz says of the partner is what makes it healthy or not, and not what a snapshot
// says of a second ago.
func TestHealthSaysWhatHolds(t *testing.T) {
	old := append(flow.Warnings{{Kind: flow.WarningBehind, Detail: "prog"}}, flow.Pair{State: flow.PairCatchingUp, Partner: "gate-2"}.Warnings()...)
	was := old.Sentences()
	if got := withPair(old, flow.Pair{State: flow.PairInSync, Partner: "gate-2"}).Sentences(); !slices.Equal(got, was[:1]) {
		t.Errorf("in sync: %q", got)
	}
	want := []string{was[0], "gate-2 is silent"}
	if got := withPair(old, flow.Pair{State: flow.PairAway, Partner: "gate-2"}).Sentences(); !slices.Equal(got, want) {
		t.Errorf("silent: %q, want %q", got, want)
	}
	if !slices.Equal(old.Sentences(), was) {
		t.Errorf("the snapshot's own became %q", old.Sentences())
	}
}
