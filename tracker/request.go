package tracker

import (
	"fmt"
	"runtime"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// Delete ends flows with reason "deleted". Where it fails in the middle, the
// result counts what was done before.
func (t *Tracker) Delete(refs ...flow.Ref) (flow.Outcome, error) {
	var result flow.Outcome
	for _, ref := range refs {
		done, err := t.ask(kernelRequest{Key: keyFromTuple(ref.Tuple), Id: uint64(ref.ID), Request: requestDelete})
		if err != nil {
			return result, fmt.Errorf("delete %s: %w", ref.Tuple, err)
		}
		if done {
			result.Done++
		} else {
			result.Gone++
		}
	}
	return result, nil
}

// SetTimeout changes a timeout for every flow at once.
func (t *Tracker) SetTimeout(name flow.TimeoutName, d time.Duration) error {
	if err := flow.CheckTimeout(d); err != nil {
		return flow.Usagef("timeout %s: %w", name, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// Another ctop may have changed others since.
	if err := t.kernel.config.Lookup(uint32(0), &t.config); err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	t.config.TimeoutTicks[name] = clock{tick: t.tick}.ticksOf(d)
	return t.writeConfig()
}

// SetFlowTimeout gives one flow a timeout of its own; zero takes it away again.
// It returns an error that wraps [flow.ErrFlowGone] where the flow has ended.
func (t *Tracker) SetFlowTimeout(ref flow.Ref, d time.Duration) error {
	if d != 0 {
		if err := flow.CheckTimeout(d); err != nil {
			return flow.Usagef("%w", err)
		}
	}
	ticks := min(clock{tick: t.tick}.ticksOf(d), 1<<32-1)
	done, err := t.ask(kernelRequest{
		Key: keyFromTuple(ref.Tuple), Id: uint64(ref.ID), Request: requestTimeout, TimeoutTicks: uint32(ticks),
	})
	if err != nil {
		return fmt.Errorf("set the timeout of %s: %w", ref.Tuple, err)
	}
	if !done {
		return fmt.Errorf("set the timeout of %s: %w", ref.Tuple, flow.ErrFlowGone)
	}
	return nil
}

// ask has the kernel do something to a flow, if it is still the one meant.
func (t *Tracker) ask(args kernelRequest) (done bool, err error) {
	if _, err := t.kernel.request.Run(&ebpf.RunOptions{Context: args, ContextOut: &args}); err != nil {
		return false, err
	}
	return args.Done != 0, nil
}

// Pressure begins where the table is filled to this share, and takes this much
// of their timeout from flows that may make room where it is full: a SYN that
// nobody answered is given up after 8 s instead of 2 minutes.
const (
	pressureFrom = 0.8
	maxPressure  = 240.0 / 256
)

// pressure returns what share of their timeout flows that proved nothing, and
// those that both sides ended, have to give up in a table so full.
func pressure(flows uint64, capacity int) float64 {
	fill := float64(flows) / float64(capacity)
	return maxPressure * min(max((fill-pressureFrom)/(1-pressureFrom), 0), 1)
}

// pressureHeld is how long pressure lasts after the table was as full as that. What a
// flood made last comes to its end in the sweeps after the one that made room.
const pressureHeld = 10 * time.Second

// held is the pressure that sweeps go on with.
type held struct {
	pressure float64
	until    time.Time
}

// next takes the pressure that the table is under now, and returns the one to sweep
// with.
func (h *held) next(pressure float64, now time.Time) float64 {
	if pressure >= h.pressure || now.After(h.until) {
		h.pressure, h.until = pressure, now.Add(pressureHeld)
	}
	return h.pressure
}

// sweep ends every flow whose time is over, with pressure taken from the time
// that some have.
func (t *Tracker) sweep(pressure float64) (swept, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadTime()
	args := kernelSweep{Pressure: uint32(256 * pressure)}
	if _, err := t.kernel.sweep.Run(&ebpf.RunOptions{Context: args, ContextOut: &args}); err != nil {
		return swept{}, fmt.Errorf("sweep the table: %w", err)
	}
	return swept{args.Visited, args.Visited - args.Expired - args.Evicted, threadTime() - before}, nil
}

// swept is what a sweep came to.
type swept struct {
	// visited flows were looked at, and so many are left.
	visited, left uint64
	// took is how much of a core it needed: on a busy machine less than the
	// time that went by, and the busier it is the more there may be to sweep.
	took time.Duration
}

// threadTime is how long the thread has run.
func threadTime() time.Duration {
	var t unix.Timespec
	// It cannot fail for this clock (clock_gettime(2)).
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}
