package kernel

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
func (t *Table) Delete(refs ...flow.Ref) (flow.Outcome, error) {
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
func (t *Table) SetTimeout(name flow.TimeoutName, d time.Duration) error {
	if err := flow.CheckTimeout(d); err != nil {
		return flow.Usagef("timeout %s: %w", name, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// Another ctop may have changed others since.
	if err := t.readBack(); err != nil {
		return err
	}
	t.config.TimeoutTicks[name] = Clock{Tick: t.tick}.ticksOf(d)
	return t.writeConfig()
}

// SetFlowTimeout gives one flow a timeout of its own; zero takes it away again.
// It returns an error that wraps [flow.ErrFlowGone] where the flow has ended.
func (t *Table) SetFlowTimeout(ref flow.Ref, d time.Duration) error {
	if d != 0 {
		if err := flow.CheckTimeout(d); err != nil {
			return flow.Usagef("%w", err)
		}
	}
	ticks := min(Clock{Tick: t.tick}.ticksOf(d), 1<<32-1)
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
func (t *Table) ask(args kernelRequest) (done bool, err error) {
	if _, err := t.objects.request.Run(&ebpf.RunOptions{Context: args, ContextOut: &args}); err != nil {
		return false, err
	}
	return args.Done != 0, nil
}

// Sweep ends every flow whose time is over, with pressure taken from the time
// that some have.
func (t *Table) Sweep(pressure float64) (Swept, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadTime()
	args := kernelSweep{Pressure: uint32(256 * pressure)}
	if _, err := t.objects.sweep.Run(&ebpf.RunOptions{Context: args, ContextOut: &args}); err != nil {
		return Swept{}, fmt.Errorf("sweep the table: %w", err)
	}
	return Swept{args.Visited, args.Visited - args.Expired - args.Evicted, threadTime() - before}, nil
}

// Swept is what a sweep came to.
type Swept struct {
	// Visited flows were looked at, and so many are left.
	Visited, Left uint64
	// Took is how much of a core it needed: on a busy machine less than the
	// time that went by, and the busier it is the more there may be to sweep.
	Took time.Duration
}

// threadTime is how long the thread has run.
func threadTime() time.Duration {
	var t unix.Timespec
	// It cannot fail for this clock (clock_gettime(2)).
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}
