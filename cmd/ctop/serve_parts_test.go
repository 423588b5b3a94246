package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// A signal that comes as soon as the service is ready ends it: whether the
// parts or whoever waits for them notice first must not matter.
func TestSignalWhenReady(t *testing.T) {
	const times = 500
	for n := range times {
		ctx, signal := context.WithCancel(t.Context())
		const parts = 3
		var ended atomic.Int32
		part := func(ctx context.Context) error {
			defer ended.Add(1)
			<-ctx.Done()
			return nil
		}
		stopped := 0
		result := make(chan error, 1)
		go func() {
			result <- sideBySide(ctx, slices.Repeat([]func(context.Context) error{part}, parts), func() {
				signal()
				for n%2 == 0 && ended.Load() < parts { // the parts notice first
					runtime.Gosched()
				}
			}, func() { stopped++ })
		}()
		select {
		case err := <-result:
			if err != nil || stopped != 1 || ended.Load() != parts {
				t.Fatalf("time %d: error %v, told %d times, %d parts ended", n, err, stopped, ended.Load())
			}
		case <-time.After(time.Minute):
			t.Fatalf("time %d: it never ends", n)
		}
	}
}

// A part that ends, with an error or without, ends the others.
func TestPartEnds(t *testing.T) {
	broken := errors.New("broken")
	for _, want := range []error{nil, broken} {
		waits := func(ctx context.Context) error { <-ctx.Done(); return nil }
		ends := func(context.Context) error { return want }
		nothing := func() {}
		if err := sideBySide(t.Context(), []func(context.Context) error{waits, ends, waits}, nothing, nothing); !errors.Is(err, want) {
			t.Errorf("it ended with %v, want %v", err, want)
		}
	}
}

// A service that cannot be prepared keeps no address.
func TestNotPrepared(t *testing.T) {
	l, err := net.Listen("tcp", "127.19.0.1:0") // where nothing else takes the port meanwhile
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	c := &serveCommand{env: env{getenv: func(string) string { return "" }}, metrics: address}
	c.ipfix.register(pflag.NewFlagSet("", pflag.ContinueOnError))
	c.fleet.register(pflag.NewFlagSet("", pflag.ContinueOnError))
	c.ssh.address = "nonsense:"
	if _, err := c.prepare(slog.New(slog.DiscardHandler)); err == nil {
		t.Fatal("it was prepared")
	}
	if l, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}
