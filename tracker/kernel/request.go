package kernel

import (
	"fmt"
	"runtime"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// Delete ends flows with reason "deleted". If it fails in the middle, the
// outcome counts the flows ended so far.
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

// SetTimeout changes a timeout for all flows at once.
func (t *Table) SetTimeout(name flow.TimeoutName, d time.Duration) error {
	if err := flow.CheckTimeout(d); err != nil {
		return flow.Usagef("timeout %s: %w", name, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// Another process may have changed other timeouts.
	if err := t.readBack(); err != nil {
		return err
	}
	t.config.TimeoutTicks[name] = Clock{Tick: t.tick}.ticksOf(d)
	return t.writeConfig()
}

// SetFlowTimeout sets the timeout of one flow. 0 restores the default. It
// returns [flow.ErrFlowGone] if the flow has ended.
func (t *Table) SetFlowTimeout(ref flow.Ref, d time.Duration) error {
	if d != 0 {
		if err := flow.CheckFlowTimeout(d); err != nil {
			return flow.Usagef("%w", err)
		}
	}
	ticks := Clock{Tick: t.tick}.ticksOf(d)
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

// ask runs a request on a flow. done is false if the flow has ended.
func (t *Table) ask(args kernelRequest) (done bool, err error) {
	if _, err := t.objects.request.Run(&ebpf.RunOptions{Context: args, ContextOut: &args}); err != nil {
		return false, err
	}
	return args.Done != 0, nil
}

// Sweep ends every expired flow. pressure is the share, from 0 to 1, by which
// the timeouts of some flows are shortened. It goes over a part of the table at a time:
// kernels that do not preempt run nothing else on its CPU meanwhile. Programs of an older
// ctop take the whole of it at once.
func (t *Table) Sweep(pressure float64) (Swept, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := ThreadTime()
	args := kernelSweep{Part: 1, Pressure: uint32(256 * pressure)}
	if t.spare.Load() {
		args.SpareInherited = 1
	}
	for args.Part != 0 {
		if _, err := t.objects.sweep.Run(&ebpf.RunOptions{Context: args, ContextOut: &args}); err != nil {
			return Swept{}, fmt.Errorf("sweep the table: %w", err)
		}
	}
	visited := uint64(args.Visited)
	return Swept{visited, visited - args.Expired - args.Evicted, ThreadTime() - before}, nil
}

// Swept is the result of a sweep.
type Swept struct {
	// Visited is the number of flows visited, Left the number that remain.
	Visited, Left uint64
	// Took is the CPU time of the sweep, not the elapsed time, which is longer
	// on a busy machine.
	Took time.Duration
}

// ThreadTime returns the CPU time of the calling thread. It grows no faster on a busy
// machine, as elapsed time does.
func ThreadTime() time.Duration {
	var t unix.Timespec
	// This clock cannot fail (clock_gettime(2)).
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}
