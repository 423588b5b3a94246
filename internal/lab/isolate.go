package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// isolatedVar tells the re-executed process, by its pid, that it is already
// isolated. Programs that it starts have other pids, so an inherited value
// means nothing to them.
const isolatedVar = "CTOP_LAB_ISOLATED"

// Isolate moves the whole program into its own network and mount namespaces, by executing it
// again from the start, with the same arguments, files and terminal. It returns nil only in
// that second run. Call it once, before anything that must not happen twice:
//
//	if err := lab.Isolate(); err != nil {
//		return err
//	}
//
// The process keeps its pid, parent, process group, controlling terminal and signal handling,
// so its parent sees no difference. The namespaces have no other member, so they end with it
// and with the children that it leaves running; those of [Host.Command] die with it.
//
// If the error wraps [ErrPrivilege], nothing has changed and the program may continue without
// a lab.
func Isolate() error {
	if os.Getenv(isolatedVar) == strconv.Itoa(os.Getpid()) {
		// The kernel names a process after the executed file, here
		// /proc/self/exe; ps and pgrep should find the name that the user
		// typed.
		_ = os.WriteFile("/proc/self/comm", []byte(filepath.Base(os.Args[0])), 0) // cosmetic
		return os.Unsetenv(isolatedVar)
	}
	failed := make(chan error)
	go func() {
		// A namespace belongs to a thread, and only the thread that executes a
		// program survives the execution. If that fails, no other goroutine
		// ever runs on the thread, since it is never unlocked.
		runtime.LockOSThread()
		failed <- isolateThread()
	}()
	return <-failed
}

// isolateThread returns only on failure.
func isolateThread() error {
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("%w: unshare: %w (%s)", ErrPrivilege, err, whoAmI())
	}
	if err := furnish(); err != nil {
		return fmt.Errorf("furnish the lab's namespaces: %w", err)
	}
	// Remove an inherited value: the first one counts, and the program would
	// execute itself forever.
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, isolatedVar+"=")
	})
	env = append(env, isolatedVar+"="+strconv.Itoa(os.Getpid()))
	return fmt.Errorf("execute %s again: %w", os.Args[0], unix.Exec("/proc/self/exe", os.Args, env))
}

// Isolated reports whether this process runs in namespaces made by Isolate. It
// asks the kernel, so it also works in programs started from there.
func Isolated() bool {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(info)) {
		fields := strings.Fields(line)
		if len(fields) > 4 && fields[4] == netnsDir && strings.Contains(line, " "+mountSource+" ") {
			return true
		}
	}
	return false
}

// privileged returns what is missing to create and use a lab.
func privileged() error {
	var data [2]unix.CapUserData // version 3 has 64 bits
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("read own capabilities: %w", err)
	}
	for _, capability := range []struct {
		name string
		bit  uint
	}{{"CAP_SYS_ADMIN", unix.CAP_SYS_ADMIN}, {"CAP_NET_ADMIN", unix.CAP_NET_ADMIN}} {
		if data[capability.bit/32].Effective&(1<<(capability.bit%32)) == 0 {
			return fmt.Errorf("%w: no %s (%s)", ErrPrivilege, capability.name, whoAmI())
		}
	}
	return nil
}

func whoAmI() string {
	if uid := os.Geteuid(); uid != 0 {
		return fmt.Sprintf("user id %d, not root", uid)
	}
	return "root, but limited, perhaps by a container"
}

// mayUnshare tries it on a thread that is discarded: restrictions by security
// modules, seccomp and /proc/sys/user cannot be queried.
func mayUnshare() error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		result <- unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS)
	}()
	if err := <-result; err != nil {
		return fmt.Errorf("%w: unshare: %w (%s)", ErrPrivilege, err, whoAmI())
	}
	return nil
}
