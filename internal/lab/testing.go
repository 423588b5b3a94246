package lab

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// TB is the part of testing.TB that Require needs; package testing itself
// stays out of the programs that import lab.
type TB interface {
	Helper()
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Main is what the TestMain of a package with privileged tests calls:
//
//	func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
//
// It runs the tests in an isolated process. When they have passed, it fails the
// binary if they left links, namespaces, pins, processes or open descriptors
// behind. Where isolation is not permitted the tests run all the same, and
// those that call [Require] are skipped.
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

// runAndInspect allows leftovers a moment: the kernel takes namespaces apart,
// and goroutines close their sockets, after the test that used them returned.
func runAndInspect(m interface{ Run() int }) int {
	const patience = 10 * time.Second
	before, err := TakeInventory()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	if status := m.Run(); status != 0 {
		return status
	}
	if err := before.WaitNoLeaks(patience); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	return 0
}

// Require skips the test, with a message that begins with "privileged:" and
// names what is missing, unless it can make a lab.
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
