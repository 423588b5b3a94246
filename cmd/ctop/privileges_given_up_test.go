package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ctop/internal/lab"
)

// givesUp gives up privileges and prints what every thread has left.
func givesUp() {
	if err := giveUpPrivilege(kept(len(os.Args) > 1)); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	threads, _ := filepath.Glob("/proc/self/task/*/status")
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		for _, line := range regexp.MustCompile(`(?m)^(?:Cap...|NoNewPrivs):.*`).FindAllString(string(text), -1) {
			fmt.Println(line)
		}
	}
}

// withCgo reports whether the program was built with cgo, and so kept its privileges, which
// it has to say.
func withCgo(t *testing.T, out string) bool {
	t.Helper()
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_GETPID, 0, 0, 0)
	if errno == syscall.ENOTSUP && !strings.Contains(out, "CGO_ENABLED=0") {
		t.Errorf("with cgo: %s", out)
	}
	return errno == syscall.ENOTSUP
}

// After the service has given up its privileges, no thread has more than those that it
// keeps, nor a way to others.
func TestPrivilegesGivenUp(t *testing.T) {
	lab.Require(t)
	for _, args := range [][]string{nil, {"through processes"}} {
		cmd := exec.Command("/proc/self/exe", args...)
		cmd.Args[0] = "gives-up"
		out, err := cmd.CombinedOutput()
		if withCgo(t, string(out)) {
			continue
		}
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		set := fmt.Sprintf("%016x", kept(args != nil))
		want := "CapInh: " + strings.Repeat("0", 16) + " CapPrm: " + set + " CapEff: " + set + " CapBnd: " + set + " CapAmb: " + strings.Repeat("0", 16) + " NoNewPrivs: 1"
		fields := strings.Join(strings.Fields(string(out)), " ")
		if threads := strings.Count(fields, "NoNewPrivs"); threads < 2 || fields != strings.TrimSpace(strings.Repeat(want+" ", threads)) {
			t.Errorf("%d threads have %s, want %s", threads, out, want)
		}
	}
}

// One that may not bound its capabilities gives up the others all the same.
func TestPrivilegesGivenUpWithoutSetpcap(t *testing.T) {
	lab.Require(t)
	cmd := asNobody()
	cmd.Args[0] = "gives-up"
	cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_BPF, unix.CAP_NET_RAW}
	out, err := cmd.CombinedOutput()
	if withCgo(t, string(out)) {
		return
	}
	if set := fmt.Sprintf("%016x", 1<<unix.CAP_BPF); err != nil || !strings.Contains(string(out), "CapPrm:\t"+set) || !strings.Contains(string(out), "CapEff:\t"+set) ||
		!strings.Contains(string(out), "CapAmb:\t"+strings.Repeat("0", 16)) || strings.Contains(string(out), "NoNewPrivs:\t0") {
		t.Errorf("%v: %s", err, out)
	}
}
