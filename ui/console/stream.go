package console

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// piece is how much a client has to read for the time to start again, in bytes.
const piece = 16 << 10

// errStalled ends a session whose client stopped reading.
var errStalled = errors.New("closed: the client read too little for too long")

// outlet writes to a client, and cuts it off if it stops reading for too long. Until
// then the session's own drawing waits, so nothing piles up. Afterwards the current
// write is given up, so that the sequences that restore the terminal may still reach
// it.
type outlet struct {
	w     io.Writer
	limit time.Duration
	cut   func()

	// screen is set if a terminal reads the output.
	screen  bool
	stalled atomic.Bool
	mu      sync.Mutex
	// torn is set if the last write was given up, possibly inside an escape sequence.
	torn bool
}

// cancel ends any escape sequence (CAN, ECMA-48).
const cancel = "\x18"

func (o *outlet) Write(p []byte) (n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.torn && o.screen {
		_, _ = io.WriteString(o.w, cancel)
	}
	o.torn = false
	for n < len(p) && err == nil {
		if n > 0 && o.stalled.Load() {
			o.torn = true
			return n, errStalled
		}
		stalled := time.AfterFunc(o.limit, o.stall)
		var m int
		m, err = o.w.Write(p[n:min(n+piece, len(p))])
		stalled.Stop()
		n += m
	}
	return n, err
}

func (o *outlet) stall() {
	if o.stalled.CompareAndSwap(false, true) {
		o.cut()
	}
}

const (
	// inputRate is how many bytes per second a session may send on average, many
	// times what hands and mice produce, and inputBurst how many at once. Every key
	// makes the server read the screen.
	inputRate  = 2 << 10
	inputBurst = 16 << 10
)

// inlet reads from a client, and slows down one that sends more than anybody types.
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
