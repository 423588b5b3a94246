package tracker

import (
	"fmt"
	"time"

	"github.com/cilium/ebpf"
)

// tickRates are the values that the kernel's HZ can have.
var tickRates = []int{100, 250, 300, 1000}

// readKernelClock reads both of the kernel's clocks at one instant.
func readKernelClock(prog *ebpf.Program) (ticks, ns uint64, err error) {
	var args kernelClock
	_, err = prog.Run(&ebpf.RunOptions{Context: args, ContextOut: &args})
	if err != nil {
		return 0, 0, fmt.Errorf("read the kernel's clock: %w", err)
	}
	return args.Ticks, args.Ns, nil
}

// measureTick returns the length of a jiffy: it waits for one to begin, then for
// some more, and takes the nearest length that a kernel can have. That takes a
// few hundredths of a second.
func measureTick(prog *ebpf.Program) (time.Duration, error) {
	const count = 6
	start, startNs, err := nextTick(prog)
	if err != nil {
		return 0, err
	}
	for {
		ticks, ns, err := nextTick(prog)
		if err != nil {
			return 0, err
		}
		if ticks-start >= count {
			return nearestTick(time.Duration(ns-startNs) / time.Duration(ticks-start)), nil
		}
	}
}

// nextTick waits for the next jiffy to begin.
func nextTick(prog *ebpf.Program) (ticks, ns uint64, err error) {
	first, firstNs, err := readKernelClock(prog)
	if err != nil {
		return 0, 0, err
	}
	for {
		ticks, ns, err = readKernelClock(prog)
		if err != nil || ticks != first {
			return ticks, ns, err
		}
		if ns-firstNs > uint64(time.Second) {
			return 0, 0, fmt.Errorf("measure the kernel's tick: it stands still")
		}
		time.Sleep(100 * time.Microsecond)
	}
}

func nearestTick(measured time.Duration) time.Duration {
	best := time.Second
	for _, hz := range tickRates {
		if tick := time.Second / time.Duration(hz); (tick - measured).Abs() < (best - measured).Abs() {
			best = tick
		}
	}
	return best
}
