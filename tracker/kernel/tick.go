package kernel

import (
	"fmt"
	"time"

	"github.com/cilium/ebpf"
)

// tickRates are the possible values of CONFIG_HZ.
var tickRates = []int{100, 250, 300, 1000}

// readKernelClock reads the kernel's two clocks at the same time.
func readKernelClock(prog *ebpf.Program) (ticks, ns uint64, err error) {
	var args kernelClock
	_, err = prog.Run(&ebpf.RunOptions{Context: args, ContextOut: &args})
	if err != nil {
		return 0, 0, fmt.Errorf("read the kernel's clock: %w", err)
	}
	return args.Ticks, args.Ns, nil
}

// Now returns the time in nanoseconds of CLOCK_MONOTONIC.
func (k *Objects) Now() (ns uint64, err error) {
	_, ns, err = readKernelClock(k.clock)
	return ns, err
}

// measureTick returns the length of a jiffy, which the kernel does not export.
// The number of jiffies since boot usually determines it. It is ambiguous
// around five minutes after boot; measuring then takes half a second.
func measureTick(prog *ebpf.Program) (time.Duration, error) {
	ticks, ns, err := readKernelClock(prog)
	if err != nil {
		return 0, err
	}
	if tick, sure := tickSinceBoot(ticks, time.Duration(ns)); sure {
		return tick, nil
	}
	return watchTick(prog)
}

// tickSinceBoot computes the length of a jiffy from the two clocks. Both start
// at boot with a small difference. jiffies start five minutes before 32 bits
// overflow (linux/jiffies.h, INITIAL_JIFFIES). sure is false if several rates
// match.
func tickSinceBoot(ticks uint64, uptime time.Duration) (tick time.Duration, sure bool) {
	const (
		begin = 5 * time.Minute
		slack = 5 * time.Second
	)
	matches := 0
	for _, hz := range tickRates {
		seconds := float64(int64(ticks-1<<32)) / float64(hz)
		if (begin + time.Duration(seconds*float64(time.Second)) - uptime).Abs() < slack {
			tick = time.Second / time.Duration(hz)
			matches++
		}
	}
	return tick, matches == 1
}

// watchTick measures many jiffies. Under load and in virtual machines, some
// jiffies come late and together.
func watchTick(prog *ebpf.Program) (time.Duration, error) {
	const enough = uint64(500 * time.Millisecond)
	start, startNs, err := nextTick(prog)
	if err != nil {
		return 0, err
	}
	for {
		ticks, ns, err := nextTick(prog)
		if err != nil {
			return 0, err
		}
		if ns-startNs > enough {
			return nearestTick(time.Duration(ns-startNs) / time.Duration(ticks-start)), nil
		}
	}
}

// nextTick waits for the start of the next jiffy.
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
			return 0, 0, fmt.Errorf("measure the kernel's tick: it does not advance")
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
