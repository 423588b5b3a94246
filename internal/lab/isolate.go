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

// isolatedVar tells the re-executed process, by its pid, that it is isolated
// already. Programs that it starts have another pid, so the value means nothing
// to them should it ever get there.
const isolatedVar = "CTOP_LAB_ISOLATED"

// Isolate moves the whole program into a network and a mount namespace of its
// own, by executing it again from the start, with the same arguments, files and
// terminal. It returns nil in that second life only. Call it once, before
// anything that must not happen twice:
//
//	if err := lab.Isolate(); err != nil {
//		return err
//	}
//
// The process stays the same one: same pid, parent, process group, controlling
// terminal and signal handling, so that whoever started it sees no difference.
// The namespaces have no other member, hence end with it (and with the children
// that it leaves running; those of [Host.Command] die with it).
//
// When the error wraps [ErrPrivilege] nothing has changed and the program may
// go on without a lab.
func Isolate() error {
	if os.Getenv(isolatedVar) == strconv.Itoa(os.Getpid()) {
		// The kernel names a process after the file it executes, here
		// /proc/self/exe; ps and pgrep should find what the user typed.
		_ = os.WriteFile("/proc/self/comm", []byte(filepath.Base(os.Args[0])), 0) // cosmetic
		return os.Unsetenv(isolatedVar)
	}
	failed := make(chan error)
	go func() {
		// A namespace belongs to a thread; the one that executes a program is
		// the only one left of the process. If it comes to that no other
		// goroutine ever runs on it, since it is never unlocked.
		runtime.LockOSThread()
		failed <- isolateThread()
	}()
	return <-failed
}

// isolateThread does not return unless something is wrong.
func isolateThread() error {
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("%w: unshare: %w (%s)", ErrPrivilege, err, whoAmI())
	}
	if err := furnish(); err != nil {
		return fmt.Errorf("furnish the lab's namespaces: %w", err)
	}
	// An inherited value must not be there as well: the first one counts, and
	// the program would execute itself for ever.
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, isolatedVar+"=")
	})
	env = append(env, isolatedVar+"="+strconv.Itoa(os.Getpid()))
	return fmt.Errorf("execute %s again: %w", os.Args[0], unix.Exec("/proc/self/exe", os.Args, env))
}

// Isolated reports whether this process runs in the namespaces that Isolate
// made. It asks the kernel, so it holds for programs started from there too.
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

// privileged tells what is missing to make and use a lab.
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

// mayUnshare tries it, on a thread that is thrown away: what security modules,
// seccomp and /proc/sys/user forbid cannot be asked for.
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
