package main

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kept are the capabilities that reading and detaching the tracker need: for maps and
// programs, for interfaces, and for the namespaces of their peers, which may be found
// through processes with more capabilities.
func kept(throughProcesses bool) uint64 {
	set := uint64(1<<unix.CAP_BPF | 1<<unix.CAP_PERFMON | 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_SYS_ADMIN)
	if throughProcesses {
		set |= 1 << unix.CAP_SYS_PTRACE
	}
	return set
}

// giveUpPrivilege drops, after the tracker was attached, every other capability and
// every way to get one again, for all threads.
func giveUpPrivilege(kept uint64) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("read own capabilities: %w", err)
	}
	// Without CAP_SETPCAP the bounding set stays as it is. With no_new_privs, none of
	// its capabilities can be gained any more either.
	if data[0].Effective&(1<<unix.CAP_SETPCAP) != 0 {
		if err := boundCapabilities(kept); err != nil {
			return err
		}
	}
	if err := errors.Join(
		onAllThreads("give up ambient capabilities", unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL),
		onAllThreads("give up new privileges", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1),
	); err != nil {
		return err
	}
	for i := range data {
		mask := uint32(kept >> (32 * i))
		data[i].Effective &= mask
		data[i].Permitted &= mask
		data[i].Inheritable = 0
	}
	return onAllThreads("drop capabilities", unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])))
}

// boundCapabilities removes the other capabilities from the bounding set.
func boundCapabilities(kept uint64) error {
	for c := uintptr(0); ; c++ {
		bounded, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0)
		switch {
		case errors.Is(err, unix.EINVAL): // the kernel knows no more
			return nil
		case err != nil:
			return fmt.Errorf("read the bounding set: %w", err)
		case bounded == 0 || kept&(1<<c) != 0:
			continue
		}
		if err := onAllThreads("bound capabilities", unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c); err != nil {
			return err
		}
	}
}

// onAllThreads makes a system call on every thread of the process.
func onAllThreads(what string, call, a, b uintptr) error {
	_, _, errno := syscall.AllThreadsSyscall6(call, a, b, 0, 0, 0, 0)
	if errno == syscall.ENOTSUP {
		return fmt.Errorf("%s: this ctop was built with cgo: build it with CGO_ENABLED=0, or run it under systemd with the unit in docs/ctop@.service", what)
	}
	if errno != 0 {
		return fmt.Errorf("%s: %w", what, errno)
	}
	return nil
}
