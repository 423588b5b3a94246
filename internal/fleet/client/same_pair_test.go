package client_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"ctop/internal/fleet/standby"
)

// Two hosts with the same credentials do not hear each other: both say why.
func TestSameCredentials(t *testing.T) {
	w := newWorld(t)
	c := w.paired("gate-1")
	var logs [2]lines
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, len(logs))
	for i := range logs {
		half := standby.New(w.half(c, bare{}, 1, slog.New(slog.NewTextHandler(&logs[i], nil))))
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
