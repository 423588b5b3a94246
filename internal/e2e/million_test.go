package e2e

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"ctop/bpf"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// BenchmarkDump prints a million flows with the real program, in every format,
// and measures time and peak memory.
func BenchmarkDump(b *testing.B) {
	const flows = 1_000_000
	l, ctx := newLab(b)
	tr, err := tracker.Open(ctx, tracker.Options{Interfaces: []string{l.Client.Port(), l.Server.Port()}, MaxFlows: flows * 11 / 10})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = tr.Close() })
	fill(b, flows)
	ctop(ctx, b) // builds it
	for _, args := range []string{
		"--for 0 -o jsonl", "--for 1 -o jsonl", "--for 0 -o csv", "--for 0 -o json", "--for 0 -o table",
		"--for 0 -o jsonl --filter dport:443", "--for 0 -o jsonl --sort total --limit 10",
	} {
		b.Run(strings.ReplaceAll(args, " ", "_"), func(b *testing.B) {
			var (
				most int64
				busy time.Duration
			)
			for b.Loop() {
				cmd := ctop(ctx, b, append([]string{"--dump", l.Client.Port(), l.Server.Port()}, strings.Fields(args)...)...)
				null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
				if err != nil {
					b.Fatal(err)
				}
				var stderr bytes.Buffer
				cmd.Stdout, cmd.Stderr = null, &stderr
				if err := cmd.Run(); err != nil {
					b.Fatal(err, stderr.String())
				}
				_ = null.Close()
				busy += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
				most = max(most, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
			}
			b.ReportMetric(float64(most)/1024, "MB")
			b.ReportMetric(busy.Seconds()/float64(b.N), "cpu-s/op")
		})
	}
}

// fill inserts flows into the table of the only running tracker.
func fill(b *testing.B, n int) {
	b.Helper()
	stats := pinnedMap(b, "stats")
	var counted []bpf.ConntrackCpuStats
	if err := stats.Lookup(uint32(0), &counted); err != nil {
		b.Fatal(err)
	}
	counted[0].Created = uint64(n)
	if err := stats.Put(uint32(0), counted); err != nil {
		b.Fatal(err)
	}
	now, ticks := clocks(b)
	values := make([]bpf.ConntrackFlow, n)
	for i := range n {
		key := bpf.ConntrackFlowKey{
			Addr:  [2][2]uint64{{0, uint64(i)<<40 | 0x0a<<32 | 0xffff<<16}, {0, uint64(2)<<56 | 0x0a<<32 | 0xffff<<16}},
			Port:  [2]uint16{uint16(i), 0xbb01},
			Proto: 6, Family: 4,
		}
		key.Addr[0][1] = uint64(byte(i))<<56 | uint64(byte(i>>8))<<48 | uint64(byte(i>>16))<<40 | 0x0a<<32 | 0xffff<<16
		dir := bpf.ConntrackFlowDir{End: 1, Acked: 1, Limit: 5000}
		traffic := bpf.ConntrackFlowTraffic{Packets: uint64(i % 1000), Bytes: uint64(i) * 100, LastSeenTicks: ticks}
		values[i] = bpf.ConntrackFlow{Key: key, Id: uint64(i + 1), Control: uint64(i+1)<<32 | uint64(flow.StateEstablished), CreatedNs: now - uint64(i)*1000, Dir: [2]bpf.ConntrackFlowDir{dir, dir}, Origin: traffic, Reply: traffic}
	}
	pins, err := filepath.Glob("/sys/fs/bpf/ctop/*/*/ctop_xdp")
	if err != nil || len(pins) != 1 {
		b.Fatal(pins, err)
	}
	prog, err := ebpf.LoadPinnedProgram(pins[0], nil)
	if err != nil {
		b.Fatal(err)
	}
	defer prog.Close()
	table, err := bpf.TableOf(prog)
	if err != nil {
		b.Fatal(err)
	}
	if err := errors.Join(table.Fill(values), table.Close()); err != nil {
		b.Fatal(err)
	}
}

func pinnedMap(b *testing.B, name string) *ebpf.Map {
	b.Helper()
	pins, err := filepath.Glob("/sys/fs/bpf/ctop/*/*/" + name)
	if err != nil || len(pins) != 1 {
		b.Fatal(pins, err)
	}
	m, err := ebpf.LoadPinnedMap(pins[0], nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close() })
	return m
}

// clocks returns the fine clock and the ticks at this moment.
func clocks(b *testing.B) (now, ticks uint64) {
	b.Helper()
	pins, _ := filepath.Glob("/sys/fs/bpf/ctop/*/*/read_clock")
	prog, err := ebpf.LoadPinnedProgram(pins[0], nil)
	if err != nil {
		b.Fatal(err)
	}
	defer prog.Close()
	var args bpf.ConntrackClockArgs
	if _, err := prog.Run(&ebpf.RunOptions{Context: args, ContextOut: &args}); err != nil {
		b.Fatal(err)
	}
	return args.Ns, args.Ticks
}
