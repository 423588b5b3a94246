package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ctop/internal/format"
	"ctop/internal/tmux"
	"ctop/tracker"
)

// BenchmarkMemory measures the maximum memory of the console per flow: the real
// program, in a terminal, with a million flows and every view of them.
func BenchmarkMemory(b *testing.B) {
	if _, err := exec.LookPath("tmux"); err != nil {
		b.Skip("tmux is missing: apt-get install tmux")
	}
	most := map[int]float64{}
	for _, flows := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(flows), func(b *testing.B) {
			for b.Loop() {
				most[flows] = max(most[flows], consoleMemory(b, flows))
			}
			b.ReportMetric(most[flows]/(1<<20), "MB")
			if flows > 1000 && most[1000] > 0 {
				b.ReportMetric((most[flows]-most[1000])/float64(flows-1000), "B/flow")
			}
		})
	}
}

// consoleMemory returns the maximum memory of a console that showed a number of
// flows in all its views.
func consoleMemory(b *testing.B, flows int) float64 {
	b.Helper()
	l, ctx := newLab(b)
	interfaces := []string{l.Client.Port(), l.Server.Port()}
	tr, err := tracker.Open(ctx, tracker.Options{Interfaces: interfaces, MaxFlows: flows * 11 / 10})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = tr.Close() }()
	fill(b, flows)
	path, err := ctopBinary()
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	x, err := tmux.Start(ctx, tmux.Options{
		Width: 200, Height: 50, Dir: dir,
		// The shell writes its process id.
		Command: []string{"sh", "-c", "echo $$ >pid; exec " + path + " " + interfaces[0] + " " + interfaces[1]},
		Env:     []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "XDG_STATE_HOME=" + dir},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = x.Close() }()
	there := format.Count(flows) + " / "
	if screen, err := x.WaitFor(ctx, func(s string) bool { return strings.Contains(s, there) }); err != nil {
		b.Fatalf("never showed %s: %v\n%s", there, err, screen)
	}
	return settled(b, func() float64 {
		if err := x.Press(ctx, "1", "S", "G", "3", "b", "4", "5"); err != nil {
			b.Fatal(err)
		}
		return peakMemory(b, dir)
	})
}

// settled returns the value at which a figure stops growing while the console
// is used.
func settled(b *testing.B, use func() float64) float64 {
	b.Helper()
	const rounds = 10 // of a second each, which a snapshot takes
	for most, still := use(), 0; ; time.Sleep(time.Second) {
		now := use()
		if still++; now > most*1.01 {
			most, still = now, 0
		}
		if still == rounds {
			return now
		}
	}
}

// peakMemory returns the peak memory of the process named in the file pid.
func peakMemory(b *testing.B, dir string) float64 {
	b.Helper()
	pid, err := os.ReadFile(dir + "/pid")
	if err != nil {
		b.Fatal(err)
	}
	status, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kB float64
	if _, err := fmt.Sscan(rest, &kB); err != nil {
		b.Fatal(err)
	}
	return kB * 1024
}
