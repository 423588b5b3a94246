package console

import (
	"context"
	"io"
	"sync"
	"time"
)

// piece is how much a client has to take for the time to begin anew.
const piece = 16 << 10

// outlet writes to a client and cuts it off where it takes nothing for too long.
// Until then it is the session's own drawing that waits, and nothing piles up.
type outlet struct {
	w     io.Writer
	limit time.Duration
	cut   func()
	mu    sync.Mutex
}

func (o *outlet) Write(p []byte) (n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for n < len(p) && err == nil {
		stalled := time.AfterFunc(o.limit, o.cut)
		var m int
		m, err = o.w.Write(p[n:min(n+piece, len(p))])
		stalled.Stop()
		n += m
	}
	return n, err
}

const (
	// inputRate is how many bytes a second a session may send for long, many
	// times what hands and mice do, and inputBurst how many at once: every
	// key costs the server a look at the screen.
	inputRate  = 2 << 10
	inputBurst = 16 << 10
)

// inlet reads from a client, slowly where it sends more than anybody types.
type inlet struct {
	ctx     context.Context //nolint:containedctx // Read has none
	r       io.Reader
	touched func()

	budget int
	filled time.Time
}

func newInlet(ctx context.Context, r io.Reader, touched func()) *inlet {
	return &inlet{ctx: ctx, r: r, touched: touched, budget: inputBurst, filled: time.Now()}
}

func (i *inlet) Read(p []byte) (int, error) {
	if i.budget <= 0 {
		select {
		case <-i.ctx.Done():
			return 0, io.EOF
		case <-time.After(time.Second):
		}
	}
	now := time.Now()
	i.budget = min(i.budget+int(now.Sub(i.filled).Seconds()*inputRate), inputBurst)
	i.filled = now
	n, err := i.r.Read(p)
	i.budget -= n
	if n > 0 {
		i.touched()
	}
	return n, err
}
