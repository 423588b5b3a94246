package console

import (
	"os"
	"runtime"
	"testing"
	"time"
)

// held is what a process holds that would leak.
type held struct{ goroutines, descriptors int }

// resources counts them. A pipe comes first: the runtime keeps the descriptors that wait for
// one open, which the test that is run first would be blamed for.
func resources() held {
	if r, w, err := os.Pipe(); err == nil {
		_, _ = r.Close(), w.Close()
	}
	entries, _ := os.ReadDir("/proc/self/fd") // reads nothing where there is none
	return held{goroutines: runtime.NumGoroutine(), descriptors: len(entries)}
}

func (h held) check(t *testing.T) {
	t.Helper()
	var now held
	for deadline := time.Now().Add(waitTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		now = resources()
		if now.goroutines <= h.goroutines && now.descriptors <= h.descriptors+1 {
			return
		}
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("leaked: %+v, it was %+v\n%s", now, h, stacks[:runtime.Stack(stacks, true)])
}
