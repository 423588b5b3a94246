package main

import (
	"log/slog"
	"testing"
	"time"

	"ctop/internal/fleet/standby"
	"ctop/internal/pair"
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
