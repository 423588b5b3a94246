package lab

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// TB is the part of testing.TB that Require needs. It keeps package testing out
// of programs that import lab.
type TB interface {
	Helper()
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// OnOneProcessor keeps the caller on one processor until the test ends.
func OnOneProcessor(t interface {
	TB
	Cleanup(f func())
},
) {
	t.Helper()
	runtime.LockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatalf("read the processors of a test: %v", err)
	}
	for cpu := range 1024 {
		if before.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatalf("keep a test on a processor: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.SchedSetaffinity(0, &before); err != nil {
			t.Fatalf("give a test its processors back: %v", err)
		}
		runtime.UnlockOSThread()
	})
}

// Main is called by the TestMain of a package with privileged tests:
//
//	func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
//
// It runs the tests in an isolated process. If they pass, it fails the binary if they left
// links, namespaces, pins, processes or open descriptors behind. If isolation is not
// permitted, the tests still run, and those that call [Require] are skipped.
func Main(m interface{ Run() int }) int {
	err := Isolate()
	if errors.Is(err, ErrPrivilege) {
		return m.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	return runAndInspect(m)
}

// runAndInspect gives leftovers a moment: the kernel removes namespaces, and
// goroutines close their sockets, after the test has returned.
func runAndInspect(m interface{ Run() int }) int {
	const timeout = time.Minute
	before, err := TakeInventory()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	if status := m.Run(); status != 0 {
		return status
	}
	if err := before.WaitNoLeaks(timeout); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	return 0
}

// Require skips the test unless it can create a lab. The message begins with
// "privileged:" and names what is missing.
func Require(t TB) {
	t.Helper()
	if err := privileged(); err != nil {
		t.Skipf("privileged: %v", err)
		return
	}
	if Isolated() {
		return
	}
	if err := mayUnshare(); err != nil {
		t.Skipf("privileged: %v", err)
		return
	}
	t.Fatalf("this test needs func TestMain(m *testing.M) { os.Exit(lab.Main(m)) } in its package")
}
