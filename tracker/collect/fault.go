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

// retryPause is the time from an error to the next attempt.
const retryPause = time.Second

// faults holds the current error of each part of a collector.
type faults struct {
	mu  sync.Mutex
	now map[string]string
}

// set sets the error of a part, or clears it if err is nil. It reports whether
// the text changed.
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

// warnings returns the current errors as warnings.
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

// fault sets or clears the error of a part, and logs a change.
func (c *Collector) fault(part string, err error) {
	switch {
	case !c.faults.set(part, err):
	case err != nil:
		c.source.Log().Error("a part of ctop failed, retrying", "part", part, "error", err)
	default:
		c.source.Log().Info("works again", "part", part)
	}
}

// rest waits for d. It returns false if ctx ends first.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// errPanic means that a goroutine panicked.
var errPanic = errors.New("a bug in ctop ended it")

// guarded calls do and returns a panic as an error. The program must still
// restore the terminal and detach, which it cannot if a goroutine's panic ends
// it.
func guarded(log *slog.Logger, what string, do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("panic", "in", what, "value", p, "trace", string(debug.Stack()))
			err = fmt.Errorf("%w: panic in its %s: %v: please report it with the output of --verbose", errPanic, what, p)
		}
	}()
	return do()
}
