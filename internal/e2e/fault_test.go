package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// outcome is the result of a run of the program.
type outcome struct {
	status         int
	stdout, stderr string
}

// runUnder runs the program to its end by a command that changes its
// environment, or directly if there is none.
func runUnder(ctx context.Context, t *testing.T, under []string, args ...string) (o outcome) {
	t.Helper()
	path, err := ctopBinary()
	if err != nil {
		t.Fatal(err)
	}
	line := slices.Concat(under, []string{path}, args)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// refused checks that the program failed with one line that contains a word.
func (o outcome) refused(t *testing.T, word string) {
	t.Helper()
	if o.status != 1 || strings.Count(o.stderr, "\n") != 1 || !strings.Contains(o.stderr, word) {
		t.Errorf("exit status %d and %q, want 1 and one line with %q", o.status, o.stderr, word)
	}
}

// A process that runs out of descriptors, at any point, reports it in one line
// and leaves nothing behind.
func TestOutOfDescriptors(t *testing.T) {
	l, ctx := newLab(t)
	before := offloads(t, l)
	worked := false
	for _, n := range []int{10, 28, 44, 48, 52, 56, 60, 64, 128} {
		limit := []string{"prlimit", "--nofile=" + strconv.Itoa(n)}
		o := runUnder(ctx, t, limit, "--dump", "-o", "json", "--for", "100ms", l.Client.Port(), l.Server.Port())
		if o.status == 0 {
			worked = true
		} else if o.status != 1 || strings.Count(o.stderr, "\n") != 1 || !strings.Contains(o.stderr, "too many open files") {
			t.Errorf("with %d descriptors: exit status %d, %q", n, o.status, o.stderr)
		}
		checkDetached(t, l)
		if after := offloads(t, l); after != before {
			t.Errorf("with %d descriptors: offloads are %v, they were %v", n, after, before)
		}
	}
	if !worked {
		t.Error("it never worked: the limits are too low to tell")
	}
}

// A failing write is reported in one line, and an action that cannot be
// recorded is not performed.
func TestDiskFull(t *testing.T) {
	r := newRig(t, tracker.Options{})
	ports := []string{r.Client.Port(), r.Server.Port()}
	udp := udpEnd(t, r, r.Client, 9000)
	sendTo(t, udp, udpEnd(t, r, r.Server, 9000))
	r.flow("udp", flow.StateNew)
	full := []string{"sh", "-c", `exec "$0" "$@" >/dev/full`}
	runUnder(r.ctx, t, full, slices.Concat([]string{"--dump"}, ports)...).refused(t, "no space left")
	runUnder(r.ctx, t, full, slices.Concat([]string{"--dump", "-o", "json"}, ports)...).refused(t, "no space left")
	runUnder(r.ctx, t, nil, "delete", "udp", "--audit", filepath.Join(fullDisk(t), "audit")).refused(t, "no space left")
	r.flow("udp", flow.StateNew)
}

// A recording that fills the disk ends with one line. The part on disk can be
// read, and is reported as truncated.
func TestRecordFillsDisk(t *testing.T) {
	r := newRig(t, tracker.Options{})
	dir := fullDisk(t)
	name := filepath.Join(dir, "night.ctop")
	record := []string{"record", "--interval", "100ms", name, r.Client.Port(), r.Server.Port()}
	replay := []string{"replay", "--dump", "-o", "json", name}
	runUnder(r.ctx, t, nil, record...).refused(t, "no space left")
	runUnder(r.ctx, t, nil, replay...).refused(t, name)
	if err := errors.Join(os.Remove(name), os.Truncate(filepath.Join(dir, "rubbish"), 1<<15)); err != nil {
		t.Fatal(err)
	}
	stop := openFlows(t, r, func() bool {
		f, err := os.Stat(name)
		return err == nil && f.Size() > 100 // the first snapshot is there
	})
	runUnder(r.ctx, t, nil, record...).refused(t, "no space left")
	stop()
	o := runUnder(r.ctx, t, nil, replay...)
	if o.status != 0 || !strings.Contains(o.stderr, "ends early") || !strings.Contains(o.stdout, "ctop.snapshot/1") {
		t.Errorf("exit status %d, %q", o.status, o.stderr)
	}
}

// openFlows opens one flow after another once begin returns true, until
// stopped.
func openFlows(t *testing.T, r *rig, begin func() bool) (stop func()) {
	t.Helper()
	udp := udpEnd(t, r, r.Client, 9000)
	ctx, cancel := context.WithCancel(r.ctx)
	stopped := make(chan struct{})
	stop = func() { cancel(); <-stopped }
	t.Cleanup(stop)
	go func() {
		defer close(stopped)
		for port := uint16(10000); port < 60000 && ctx.Err() == nil; time.Sleep(3 * time.Millisecond) {
			if begin() {
				port++
				_, _ = udp.WriteTo([]byte("one way"), net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.Server.Addr4(), port)))
			}
		}
	}()
	return stop
}

// fullDisk returns a directory in which files can be created but not written.
func fullDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	err := os.WriteFile(filepath.Join(dir, "rubbish"), make([]byte, 1<<17), 0o600)
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	return dir
}

// The pins contain a foreign map: ctop does not use it as the table, the link
// continues, and down cleans up.
func TestForeignPins(t *testing.T) {
	l, ctx := newLab(t)
	ports := []string{l.Client.Port(), l.Server.Port()}
	if o := runUnder(ctx, t, nil, slices.Concat([]string{"--dump", "--keep", "--for", "100ms"}, ports)...); o.status != 0 {
		t.Fatal(o.stderr)
	}
	defer func() {
		if o := runUnder(ctx, t, nil, slices.Concat([]string{"down"}, ports)...); o.status != 0 {
			t.Errorf("down: %s", o.stderr)
		}
		checkDetached(t, l)
	}()
	pins, err := filepath.Glob("/sys/fs/bpf/ctop/*/*/flows")
	if err != nil || len(pins) != 1 {
		t.Fatal(pins, err)
	}
	foreign, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = foreign.Close() }()
	if err := errors.Join(os.Remove(pins[0]), foreign.Pin(pins[0])); err != nil {
		t.Fatal(err)
	}
	runUnder(ctx, t, nil, slices.Concat([]string{"--dump"}, ports)...).refused(t, `"ctop down `+strings.Join(ports, " ")+`"`)
	if _, err := lab.Ping(ctx, l.Client, l.Server.Addr4()); err != nil {
		t.Error(err)
	}
}

// With a read-only BPF file system ctop runs without pins, and warns.
func TestReadOnlyBPFFS(t *testing.T) {
	l, ctx := newLab(t)
	under := []string{"unshare", "--mount", "sh", "-c", `mount -t bpf -o ro bpf /sys/fs/bpf && exec "$0" "$@"`}
	o := runUnder(ctx, t, under, "--dump", "-o", "json", "--for", "100ms", l.Client.Port(), l.Server.Port())
	if o.status != 0 || !strings.Contains(o.stdout, "ctop.snapshot/1") || !strings.Contains(o.stderr, "read-only") {
		t.Errorf("exit status %d, %q", o.status, o.stderr)
	}
	checkDetached(t, l)
}

// A process whose clock is ten days off still shows correct idle times and
// ages, which are the kernel's.
func TestClockOff(t *testing.T) {
	r := newRig(t, tracker.Options{})
	const days = "864000"
	under := []string{"unshare", "--time", "--monotonic", days, "--boottime", days, "--fork"}
	o := runUnder(r.ctx, t, under, "--dump", "-o", "json", r.Client.Port(), r.Server.Port())
	var s struct {
		Flows []struct {
			Age  *float64 `json:"age_s"`
			TTL  *float64 `json:"ttl_s"`
			Idle *float64 `json:"idle_s"`
		} `json:"flows"`
	}
	if err := json.Unmarshal([]byte(o.stdout), &s); err != nil || len(s.Flows) == 0 {
		t.Fatalf("%v: %q, %q", err, o.stdout, o.stderr)
	}
	for _, f := range s.Flows {
		for _, seconds := range []*float64{f.Age, f.TTL, f.Idle} {
			if limit := (2 * time.Minute).Seconds(); seconds == nil || *seconds < 0 || *seconds > limit {
				t.Errorf("%s", o.stdout)
			}
		}
	}
}
