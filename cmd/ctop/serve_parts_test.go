package main

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
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
