package lab_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ctop/internal/lab"
)

// running is the program of main_test.go with its lab, seen from outside, that
// is from its host.
type running struct {
	cmd   *exec.Cmd
	ready string // what it said
	pid   int    // what it takes itself for
	sleep int    // the process that it started in the lab
}

// startProgram starts the program and waits until its lab is ready.
func startProgram(t *testing.T, env ...string) *running {
	t.Helper()
	lab.Require(t)
	r := &running{cmd: exec.Command("/proc/self/exe", "first", "second arg")}
	r.cmd.Env = append(append(os.Environ(), programVar+"=1"), env...)
	r.cmd.Stderr = os.Stderr
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill() // most tests have waited for it
		_ = r.cmd.Wait()
	})
	if r.ready, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(r.ready, "ready %d %d", &r.pid, &r.sleep); err != nil {
		t.Fatalf("the program says %q", r.ready)
	}
	return r
}

// end sends a signal and returns how the program ended.
func (r *running) end(t *testing.T, sig syscall.Signal) syscall.WaitStatus {
	t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := r.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return r.cmd.ProcessState.Sys().(syscall.WaitStatus)
}

// namespace returns an id of a process's namespace, for comparison.
func namespace(t *testing.T, pid int, kind string) string {
	t.Helper()
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// waitGone fails the test if the process does not end.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d still runs: %s", pid, stat)
		}
	}
}

// watchHost returns a function that fails the test if the host's mounts, links
// or named namespaces have changed since.
func watchHost(t *testing.T) (check func()) {
	t.Helper()
	mounts, links, files := mountInfo(t), linkNames(t), hostFiles(t)
	return func() {
		t.Helper()
		if now := mountInfo(t); now != mounts {
			t.Errorf("mounts on the host were\n%s\nand are\n%s", mounts, now)
		}
		if now := linkNames(t); !slices.Equal(now, links) {
			t.Errorf("links on the host were %v and are %v", links, now)
		}
		if now := hostFiles(t); !slices.Equal(now, files) {
			t.Errorf("namespaces and pins on the host were %v and are %v", files, now)
		}
	}
}

func mountInfo(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hostFiles ignores other files in /run: other programs create files there,
// including mount(8) and ip(8) in the tests of other packages.
func hostFiles(t *testing.T) (list []string) {
	t.Helper()
	if _, err := os.Stat("/run/netns"); err == nil {
		list = append(list, "/run/netns")
	}
	for _, dir := range []string{"/run/netns", "/sys/fs/bpf"} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		for _, entry := range entries {
			list = append(list, filepath.Join(dir, entry.Name()))
		}
	}
	return list
}

func TestIsolateKeepsTheHostAsItIs(t *testing.T) {
	check := watchHost(t)
	r := startProgram(t)
	check()
	for _, kind := range []string{"net", "mnt"} {
		if namespace(t, r.pid, kind) == namespace(t, os.Getpid(), kind) {
			t.Errorf("the isolated process is in our %s namespace", kind)
		}
	}
	if ws := r.end(t, syscall.SIGTERM); ws.ExitStatus() != 7 {
		t.Errorf("exit status %d, want the program's 7", ws.ExitStatus())
	}
	waitGone(t, r.sleep)
	check()
}

func TestIsolateStaysTheSameProcess(t *testing.T) {
	r := startProgram(t)
	if r.pid != r.cmd.Process.Pid {
		t.Errorf("pid %d after Isolate, was %d", r.pid, r.cmd.Process.Pid)
	}
	if !strings.Contains(r.ready, " [first second arg] ") {
		t.Errorf("arguments did not arrive: %s", r.ready)
	}
	if strings.Contains(r.ready, "CTOP_LAB_ISOLATED") {
		t.Error("the marker is still in the environment")
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", r.pid))
	if err != nil || string(comm) == "" || strings.TrimSpace(string(comm)) != filepath.Base(r.cmd.Args[0]) {
		t.Errorf("process name %q (%v), want %s", comm, err, filepath.Base(r.cmd.Args[0]))
	}
}

func TestKill9LeavesNothing(t *testing.T) {
	check := watchHost(t)
	r := startProgram(t)
	if ws := r.end(t, syscall.SIGKILL); ws.Signal() != syscall.SIGKILL {
		t.Errorf("ended with %v, want SIGKILL", ws)
	}
	waitGone(t, r.sleep)
	check()
}

func TestInheritedMarkerIsIgnored(t *testing.T) {
	for _, value := range []string{"1", fmt.Sprint(os.Getpid()), "yes"} {
		r := startProgram(t, "CTOP_LAB_ISOLATED="+value)
		if namespace(t, r.pid, "net") == namespace(t, os.Getpid(), "net") {
			t.Errorf("marker %s: the program believed it", value)
		}
	}
}

// TestWithoutPrivilege runs a test of this binary as nobody.
func TestWithoutPrivilege(t *testing.T) {
	lab.Require(t)
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run=TestDoComesBack")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	for _, want := range []string{"--- SKIP", "privileged: ", "no CAP_SYS_ADMIN (user id 65534, not root)"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in what the skipped test says: %s", want, out)
		}
	}
}

func TestMainFailsOnLeaks(t *testing.T) {
	out, status := runMain(t, "leak")
	if status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	for _, want := range []string{
		"veth1 (veth)", "namespace /run/netns/client", "pin /sys/fs/bpf/pinned", "(sleep)", "descriptor ", ": /dev/null",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in what Main says: %s", want, out)
		}
	}
	var pid int
	if _, rest, ok := strings.Cut(out, "process "); ok {
		if _, err := fmt.Sscan(rest, &pid); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL) // Main left it, as it said
		}
	}
}

func TestMainReturnsTheTestsStatus(t *testing.T) {
	if out, status := runMain(t, "fail"); status != 5 {
		t.Errorf("exit status %d, want 5: %s", status, out)
	}
}

// runMain runs this binary with other tests, see main_test.go.
func runMain(t *testing.T, tests string) (out string, status int) {
	t.Helper()
	lab.Require(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), programVar+"="+tests)
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return both.String(), cmd.ProcessState.ExitCode()
}
