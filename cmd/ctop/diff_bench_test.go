package main

import (
	"encoding/binary"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"ctop/cmd/ctop/output"
	"ctop/internal/order"
	"ctop/internal/recording"
	"ctop/tracker/flow"
)

// million returns a snapshot of a million flows. Of two at different seconds, a tenth of
// the flows is in one only, and of the others every second one has more packets.
func million(second int) *flow.Snapshot {
	const flows = 1_000_000
	s := &flow.Snapshot{
		Time: time.Unix(1_795_000_000+int64(second), 0), Host: "edge-1", MaxFlows: 1 << 20, Timeouts: flow.DefaultTimeouts(),
		Interfaces: []flow.Interface{{Name: "veth1", Index: 3}, {Name: "veth2", Index: 5}}, Flows: make([]flow.Flow, flows),
	}
	for i := range s.Flows {
		n := uint32(i + second*flows/10)
		var at [4]byte
		binary.BigEndian.PutUint32(at[:], 10<<24|n>>4)
		f := &s.Flows[i]
		*f = flow.Flow{ID: flow.ID(uint64(n+1) * 0x9e3779b97f4a7c15), State: flow.StateEstablished, TimeoutName: flow.TCPEstablished, Timeout: 5 * 24 * time.Hour}
		f.Tuple = flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.EndFrom(netip.AddrFrom4(at), uint16(32768+n&0xf)), Dst: flow.MustParseEnd("192.168.1.10:443")}
		f.Age, f.Idle = time.Duration(n)*time.Millisecond, time.Duration(n%1000)*time.Millisecond
		packets := uint64(n%1000) + 10
		if n%2 == 0 {
			packets += uint64(second) * 7
		}
		f.Origin, f.Reply = flow.Half{Packets: packets, Bytes: packets * 80}, flow.Half{Packets: packets, Bytes: packets * 1400}
	}
	return s
}

// BenchmarkDiff compares two snapshots of a million flows in a process of its own.
func BenchmarkDiff(b *testing.B) {
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	for kind, write := range map[string]func(*os.File, *flow.Snapshot) error{
		"json": func(f *os.File, s *flow.Snapshot) error {
			return output.WriteSnapshot(f, output.JSON, output.View{Snapshot: s, Rows: slices.Collect(order.All(s))})
		},
		"recording": func(f *os.File, s *flow.Snapshot) error {
			w, err := recording.NewWriter(f)
			if err != nil {
				return err
			}
			if err := w.Snapshot(s); err != nil {
				return err
			}
			return w.Close()
		},
	} {
		b.Run(kind, func(b *testing.B) {
			dir := b.TempDir()
			files := []string{filepath.Join(dir, "before"), filepath.Join(dir, "after")}
			for i, name := range files {
				f, err := os.Create(name)
				if err != nil {
					b.Fatal(err)
				}
				if err := write(f, million(i)); err != nil {
					b.Fatal(err)
				}
				if err := f.Close(); err != nil {
					b.Fatal(err)
				}
			}
			most, busy := int64(0), time.Duration(0)
			for b.Loop() {
				cmd := exec.Cmd{Path: exe, Args: append([]string{"ctop", "diff", "-o", "json"}, files...), Stdout: null(b), Stderr: os.Stderr}
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
				busy += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
				most = max(most, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
			}
			b.ReportMetric(float64(most)/1e6, "GB")
			b.ReportMetric(busy.Seconds()/float64(b.N), "cpu-s")
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s")
		})
	}
}

func null(b *testing.B) *os.File {
	f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	return f
}
