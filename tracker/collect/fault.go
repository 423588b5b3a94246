package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"ctop/tracker/flow"
)

// retryPause is how long a part of a collector rests after an error.
const retryPause = time.Second

// faults are what goes wrong at the moment, by the part of a collector that it
// goes wrong in.
type faults struct {
	mu  sync.Mutex
	now map[string]string
}

// set notes what is wrong with a part, or that nothing is, and reports whether
// that is news.
func (f *faults) set(part string, err error) (news bool) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now[part] == text {
		return false
	}
	if f.now == nil {
		f.now = map[string]string{}
	}
	f.now[part] = text
	return true
}

// warnings returns what is wrong.
func (f *faults) warnings() (list flow.Warnings) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, part := range []string{partSnapshots, partSweep, partEvents} {
		if text := f.now[part]; text != "" {
			list = append(list, flow.Warning{Kind: flow.WarningRetried, Detail: text})
		}
	}
	return list
}

// fault notes how a part of the collector fares, and logs what is new.
func (c *Collector) fault(part string, err error) {
	switch {
	case !c.faults.set(part, err):
	case err != nil:
		c.source.Log().Error("a part of ctop failed, retrying", "part", part, "error", err)
	default:
		c.source.Log().Info("works again", "part", part)
	}
}

// rest waits, and reports whether to go on.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// errPanic is a mistake in ctop itself.
var errPanic = errors.New("a bug in ctop ended it")

// guarded makes an error of a panic: the program has a terminal to restore and a
// tracker to detach, and cannot do so when a goroutine takes it down.
func guarded(log *slog.Logger, what string, do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("panic", "in", what, "value", p, "trace", string(debug.Stack()))
			err = fmt.Errorf("%w: panic in its %s: %v: please report it with the output of --verbose", errPanic, what, p)
		}
	}()
	return do()
}
