package main

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// pin keeps the goroutine on one CPU until release is called. A flow whose
// direction changes CPUs switches to atomic operations, by design, and would
// measure those.
func pin(cpu int) (release func(), err error) {
	runtime.LockOSThread()
	var before, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("read the CPUs: %w", err)
	}
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("stay on CPU %d: %w", cpu, err)
	}
	return func() {
		_ = unix.SchedSetaffinity(0, &before)
		runtime.UnlockOSThread()
	}, nil
}

// undisturbed keeps the goroutine on a thread without the preemption signals of
// Go's scheduler until release is called. They would restart BPF_PROG_TEST_RUN.
func undisturbed() (release func(), err error) {
	runtime.LockOSThread()
	var before, set unix.Sigset_t
	set.Val[0] = 1 << (unix.SIGURG - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &before); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("hold signals back: %w", err)
	}
	return func() {
		_ = unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
		runtime.UnlockOSThread()
	}, nil
}

// threadTime returns the CPU time of the thread in nanoseconds. Unlike the time
// of day, it excludes other threads on the same CPU.
func threadTime() int64 {
	var t unix.Timespec
	// This clock cannot fail (clock_gettime(2)).
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return t.Nano()
}
