package client_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"ctop/internal/fleet/link"
	"ctop/internal/fleet/standby"
	"ctop/internal/pair"
	"ctop/tracker/flow"
)

// Two hosts with the same credentials do not hear each other: both say why.
func TestSameCredentials(t *testing.T) {
	w := newWorld(t)
	c := w.paired("gate-1")
	var logs [2]lines
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, len(logs))
	for i := range logs {
		half := standby.New(standby.Options{
			Name: "gate", Log: slog.New(slog.NewTextHandler(&logs[i], nil)), Link: link.Options{URL: w.url, Credentials: c},
			Pair:  pair.Options{Table: bare{}, Capacity: 1, Version: "test", Uptime: func() time.Duration { return time.Second }},
			Say:   func(flow.Pair) error { return nil },
			Watch: func(ctx context.Context, _ *pair.Pair) error { <-ctx.Done(); return nil },
		})
		go func() { done <- half.Run(ctx) }()
	}
	for i := range logs {
		w.eventually("both say that another one has their credentials", func() bool {
			return strings.Contains(logs[i].String(), "another ctop has the same credentials")
		})
	}
	cancel()
	for range logs {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
