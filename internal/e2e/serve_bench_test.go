package e2e

import (
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// BenchmarkFiftyConsoles measures what fifty watching operators cost a transfer through the
// tracker: iperf3's throughput without and with them, in turn, and the ratio of the medians.
// The clients share the CPUs of server and transfer, which makes the result look worse than it
// is.
//
//	go test -run '^$' -bench FiftyConsoles -benchtime 5x ./internal/e2e
func BenchmarkFiftyConsoles(b *testing.B) {
	s := newServing(b)
	s.start(s.command("--ssh-sessions-per-key", "50", "--ssh-startups-per-address", "50", "--ssh-handshake", "2m"))
	stop := s.iperfServer()
	defer stop()
	var alone, watched []float64
	for b.Loop() {
		alone = append(alone, s.throughput())
		all := s.consoles(50)
		watched = append(watched, s.throughput())
		for _, c := range all {
			_ = c.Close()
		}
		s.holdsNothing()
	}
	s.stop()
	b.ReportMetric(median(alone)/1e9, "Gbit/s-alone")
	b.ReportMetric(median(watched)/1e9, "Gbit/s-watched")
	b.ReportMetric(median(watched)/median(alone), "ratio")
	b.ReportMetric(0, "ns/op")
}

// consoles opens n consoles, whose screens nobody reads.
func (s *serving) consoles(n int) []*ssh.Client {
	s.t.Helper()
	var all []*ssh.Client
	for range n {
		o := s.console(s.dial(servedAddr))
		all = append(all, o.client)
	}
	return all
}

func (s *serving) iperfServer() (stop func()) {
	s.t.Helper()
	cmd := s.Server.Command(s.ctx, "iperf3", "--server")
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("iperf3 listens", func() bool {
		c, err := s.Client.Dial(s.ctx, "tcp", net.JoinHostPort(s.Server.Addr4().String(), "5201"))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// throughput returns the throughput of one TCP stream through the tracker, in
// bits a second.
func (s *serving) throughput() float64 {
	s.t.Helper()
	var report struct {
		End struct {
			SumReceived struct {
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		}
	}
	s.eventually("iperf3 has measured", func() bool {
		out, err := s.Client.Command(s.ctx, "iperf3", "--client", s.Server.Addr4().String(), "--json", "--time", "4").Output()
		if err != nil && !strings.Contains(err.Error(), "busy") {
			time.Sleep(200 * time.Millisecond) // the server may not be done with the last one
			return false
		}
		return json.Unmarshal(out, &report) == nil
	})
	return report.End.SumReceived.BitsPerSecond
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}
