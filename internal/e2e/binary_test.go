package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker"
)

// ctopBinary builds the program, once for all tests, unless CTOP_BINARY names
// one.
var ctopBinary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("CTOP_BINARY"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "ctop")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "ctop")
	build := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-o", path, "ctop/cmd/ctop")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build has it
	out, err := build.CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

// ctop prepares a run of the program between the hosts of a lab.
func ctop(ctx context.Context, t testing.TB, args ...string) *lab.Cmd {
	t.Helper()
	path, err := ctopBinary()
	if err != nil {
		t.Fatal(err)
	}
	return lab.Command(ctx, path, args...)
}

// started runs "ctop events" between the hosts and waits until it forwards.
func started(ctx context.Context, t *testing.T, l *lab.Lab) *lab.Cmd {
	t.Helper()
	cmd := ctop(ctx, t, "events", l.Client.Port(), l.Server.Port())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waiting, cancel := context.WithTimeout(ctx, waitTimeout)
	defer cancel()
	if err := lab.WaitPing(waiting, l.Client, l.Server.Addr4()); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatal(err)
	}
	return cmd
}

// A signal ends it without leaving anything.
func TestSignalsLeaveNothing(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			l, ctx := newLab(t)
			before := offloads(t, l)
			cmd := started(ctx, t, l)
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("it ended with %v", err)
			}
			checkDetached(t, l)
			if after := offloads(t, l); after != before {
				t.Errorf("offloads are %v, they were %v", after, before)
			}
		})
	}
}

// After a kill -9 traffic continues, a dump reads the flows, and down removes
// everything.
func TestDownAfterKill(t *testing.T) {
	l, ctx := newLab(t)
	before := offloads(t, l)
	cmd := started(ctx, t, l)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if _, err := lab.Ping(ctx, l.Client, l.Server.Addr4()); err != nil {
		t.Errorf("the tracker without an owner does not forward: %v", err)
	}
	if n := dumpedFlows(ctx, t); n == 0 {
		t.Error("the dump shows no flow")
	}
	if out, err := ctop(ctx, t, "down", l.Client.Port(), l.Server.Port()).CombinedOutput(); err != nil {
		t.Fatalf("down: %v: %s", err, out)
	}
	checkDetached(t, l)
	if after := offloads(t, l); after != before {
		t.Errorf("offloads are %v, they were %v", after, before)
	}
}

func dumpedFlows(ctx context.Context, t testing.TB) int {
	t.Helper()
	out, err := ctop(ctx, t, "--dump", "-o", "json").Output()
	if err != nil {
		t.Fatalf("dump: %v", err)
	}
	var snapshot struct {
		Schema string
		Flows  []struct{ State string }
	}
	if err := json.Unmarshal(out, &snapshot); err != nil || snapshot.Schema != "ctop.snapshot/1" {
		t.Fatalf("dump: %v: %s", err, out)
	}
	return len(snapshot.Flows)
}

// After a kill -9 the next ctop takes over the flows, and removes everything
// when it ends.
func TestTakeOverAfterKill(t *testing.T) {
	l, ctx := newLab(t)
	cmd := started(ctx, t, l)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	r := &rig{Lab: l, t: t, ctx: ctx}
	r.open(tracker.Options{})
	if !r.tracker.Joined() {
		t.Error("it did not join")
	}
	if len(r.flows("icmp")) == 0 {
		t.Error("the flows are gone")
	}
	r.stop()
	checkDetached(t, l)
}

// A kept tracker continues without its process.
func TestKeep(t *testing.T) {
	l, ctx := newLab(t)
	cmd := ctop(ctx, t, "--dump", "--keep", "--for", "1s", l.Client.Port(), l.Server.Port())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := lab.Ping(ctx, l.Client, l.Server.Addr4()); err != nil {
		t.Errorf("the kept tracker does not forward: %v", err)
	}
	if err := tracker.Down(ctx, l.Server.Port(), l.Client.Port()); err != nil {
		t.Error(err)
	}
	checkDetached(t, l)
}

// Inside ip netns exec there is no BPF file system: ctop mounts one, says so,
// and unmounts it again.
func TestNamespaceWithoutBPFFS(t *testing.T) {
	l, ctx := newLab(t)
	path, err := ctopBinary()
	if err != nil {
		t.Fatal(err)
	}
	script := `
set -e
ip netns add middle
trap 'ip netns del middle' EXIT
for port in ` + l.Client.Port() + ` ` + l.Server.Port() + `; do
	ip link set $port netns middle
	ip -n middle link set $port up
done
ip netns exec middle sh -c '
	` + path + ` --dump --for 1s -o json ` + l.Client.Port() + ` ` + l.Server.Port() + ` | grep -c ctop.snapshot/1
	! grep " /sys/fs/bpf " /proc/mounts'`
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || strings.TrimSpace(string(out)) != "1" {
		t.Errorf("%v: %s%s", err, out, stderr.String())
	}
	if !strings.Contains(stderr.String(), "mounted a BPF file system") {
		t.Errorf("it did not say so: %s", stderr.String())
	}
}

// An interface with a foreign program is left alone.
func TestForeignProgram(t *testing.T) {
	l, ctx := newLab(t)
	detach := attachForeign(t, l.Server.Port())
	defer detach()
	before := offloads(t, l)
	cmd := ctop(ctx, t, "--dump", l.Client.Port(), l.Server.Port())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("it ended with %v", err)
	}
	if text := stderr.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, l.Server.Port()) {
		t.Errorf("it said %q", text)
	}
	if after := offloads(t, l); after != before {
		t.Errorf("offloads are %v, they were %v", after, before)
	}
}

// A console that joined shows the owner's end.
func TestJoinedSeesTheEnd(t *testing.T) {
	r := newRig(t, tracker.Options{})
	joined, err := tracker.Join(r.ctx, r.Server.Port(), r.Client.Port())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = joined.Close() }()
	c := tracker.NewCollector(joined, tracker.CollectorOptions{Interval: 50 * time.Millisecond})
	done := make(chan error, 1)
	go func() { done <- c.Run(r.ctx) }()
	r.eventually("it reads the tracker", func() bool { return c.Snapshot() != nil })
	r.stop()
	select {
	case err := <-done:
		if !errors.Is(err, tracker.ErrGone) {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(waitTimeout):
		t.Error("it goes on")
	}
}
