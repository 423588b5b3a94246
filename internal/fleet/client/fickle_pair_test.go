package client_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/internal/fleet/standby"
	"ctop/internal/pair"
)

// A partner that changes what is known of it all the time neither fills the log nor keeps who
// says so busy.
func TestFickleHalf(t *testing.T) {
	w := newWorld(t)
	one, two := w.paired("gate-1"), w.paired("gate-2")
	hello := greeting(t)
	other := slices.Clone(hello)
	other[0]++ // of another version
	log := &lines{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	half := standby.New(w.half(two, bare{}, 1, slog.New(slog.NewTextHandler(log, nil))))
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- half.Run(ctx) }()
	partner := w.raw(one)
	changes := 0
	w.eventually("what is known has changed often", func() bool {
		for _, m := range [][]byte{hello, other} {
			if err := partner.Publish(one.Space().Pair("gate", "gate-1"), m); err != nil || partner.FlushTimeout(waitTimeout) != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * pair.Every)
		}
		if half.Status().Unread {
			changes++
		}
		return changes > 50
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	// Twice a second at most, and what begins and ends.
	if n, most := strings.Count(log.String(), "catching up"), 2*int(time.Since(began)/time.Second)+4; n > most {
		t.Errorf("%d lines, at most %d", n, most)
	}
}
