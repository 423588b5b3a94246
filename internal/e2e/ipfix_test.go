package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"ctop/internal/lab"
)

// carried is what flows carried in both directions together: records of flows, their
// packets, and the octets of their IP packets.
type carried struct{ flows, packets, octets uint64 }

// exported is "ctop serve" that exports flow records, with "ctop events" beside it.
type exported struct {
	*serving
	events *lab.Cmd
	lines  *said
}

// serveFlows runs ctop with a collector, and short timeouts so that the table turns over.
func serveFlows(t *testing.T, collector string, args ...string) *exported {
	return newServing(t).serveFlows(collector, args...)
}

// serveFlows is the same in a lab. The pings from before the first event must not have
// ended by then.
func (s *serving) serveFlows(collector string, args ...string) *exported {
	t := s.t
	e := &exported{serving: s, lines: &said{}}
	args = append([]string{
		"--ipfix", collector,
		"--timeout", "tcp_time_wait=1s,tcp_fin_wait=1s,tcp_syn_sent=2s,udp_unidirectional=1s,udp_bidirectional=1s,icmp=10m",
	}, args...)
	e.start(e.command(args...))
	if text := e.log.String(); strings.Contains(text, "only roughly") {
		t.Errorf("it counts octets, and warns that it does not:\n%s", text)
	}
	e.events = ctop(e.ctx, t, "events", "-o", "jsonl")
	e.events.Stdout = e.lines
	if err := e.events.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if e.events.ProcessState == nil {
			_ = e.events.Process.Kill()
			_ = e.events.Wait()
		}
	})
	e.hearsEvents()
	return e
}

// hearsEvents waits until events are printed.
func (e *exported) hearsEvents() {
	e.t.Helper()
	e.eventually("events are heard", func() bool {
		if _, err := lab.Ping(e.ctx, e.Client, e.Server.Addr4()); err != nil {
			return false
		}
		return strings.Contains(e.lines.String(), "\n")
	})
}

// traffic makes mixed traffic for a while.
func (e *exported) traffic(d time.Duration) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.ctx, d)
	defer cancel()
	if err := lab.Traffic(ctx, e.Lab, lab.TrafficOptions{Short: 40}); err != nil {
		e.t.Fatal(err)
	}
}

// trafficUntil makes traffic again and again until something holds.
func (e *exported) trafficUntil(what string, d time.Duration, holds func() bool) {
	e.t.Helper()
	e.eventually(what, func() bool {
		e.traffic(d)
		return holds()
	})
}

// destroyed returns how many flows have ended by now. The service's metrics may be older.
func (e *exported) destroyed() (n int) {
	e.t.Helper()
	out, err := ctop(e.ctx, e.t, "--dump", "-o", "json").Output()
	if err != nil {
		e.t.Fatalf("dump: %v", err)
	}
	_, rest, _ := strings.Cut(string(out), `"flows_destroyed": `)
	if _, err := fmt.Sscan(rest, &n); err != nil {
		e.t.Fatalf("%v: %s", err, out)
	}
	return n
}

// settle deletes all flows, so that each has ended, and ends the reading of events.
func (e *exported) settle() {
	e.t.Helper()
	e.eventually("no flow is left", func() bool {
		if out, err := ctop(e.ctx, e.t, "delete", "--all").CombinedOutput(); err != nil {
			e.t.Fatalf("%v: %s", err, out)
		}
		return dumpedFlows(e.ctx, e.t) == 0
	})
	e.eventually("all ends are printed", func() bool {
		return strings.Count(e.lines.String(), `"event":"destroy"`) >= e.destroyed()
	})
	_ = e.events.Process.Signal(syscall.SIGINT)
	_ = e.events.Wait()
}

// ended returns what the flows carried that ended, by ctop's own events. All frames of the
// lab have an Ethernet header and no padding.
func (e *exported) ended() (c carried) {
	e.t.Helper()
	const ethernet = 14
	type half struct{ Packets, Bytes uint64 }
	for line := range bytes.Lines([]byte(e.lines.String())) {
		var event struct {
			Event         string
			Recovered     bool
			Origin, Reply struct{ Packets, Bytes uint64 }
		}
		if err := json.Unmarshal(line, &event); err != nil {
			e.t.Fatalf("%v: %s", err, line)
		}
		if event.Event == "lost" || event.Recovered {
			e.t.Fatalf("events were lost: %s", line)
		}
		if event.Event != "destroy" {
			continue
		}
		c.flows++
		for _, h := range []half{half(event.Origin), half(event.Reply)} {
			c.packets += h.Packets
			c.octets += h.Bytes - ethernet*h.Packets
		}
	}
	return c
}

// nfcapd is the collector of nfdump.
type nfcapd struct {
	t   *testing.T
	dir string
	cmd *exec.Cmd
	log said
}

const nfcapdPort = "4739"

// startNfcapd starts a collector, and waits until it listens.
func startNfcapd(ctx context.Context, t *testing.T, dir string) *nfcapd {
	t.Helper()
	n := &nfcapd{t: t, dir: dir}
	n.cmd = exec.CommandContext(ctx, "nfcapd", "-b", "127.0.0.1", "-p", nfcapdPort, "-w", dir, "-t", "3600", "-B", "8000000")
	n.cmd.Stdout, n.cmd.Stderr = &n.log, &n.log
	if err := n.cmd.Start(); err != nil {
		t.Fatalf("nfcapd, of the package nfdump: %v", err)
	}
	t.Cleanup(func() {
		if n.cmd.ProcessState == nil {
			_ = n.cmd.Process.Kill()
			_ = n.cmd.Wait()
		}
	})
	for deadline := time.Now().Add(waitTimeout); !udpListens(4739); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nfcapd does not listen: %s", n.log.String())
		}
	}
	return n
}

// udpListens reports whether there is a UDP socket with a local port.
func udpListens(port int) bool {
	table, _ := os.ReadFile("/proc/thread-self/net/udp")
	return strings.Contains(string(table), fmt.Sprintf(":%04X 00000000:0000", port))
}

// udpWaiting reports whether datagrams have arrived at a port that were not read yet.
func udpWaiting(port int) bool {
	table, _ := os.ReadFile("/proc/thread-self/net/udp")
	for line := range strings.Lines(string(table)) {
		// sl, local, remote, state, tx_queue:rx_queue
		f := strings.Fields(line)
		if len(f) > 4 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) && !strings.HasSuffix(f[4], ":00000000") {
			return true
		}
	}
	return false
}

// stop ends the collector, which then has written everything that has arrived.
func (n *nfcapd) stop() {
	n.t.Helper()
	for deadline := time.Now().Add(waitTimeout); udpWaiting(4739) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	if err := n.cmd.Wait(); err != nil {
		n.t.Errorf("nfcapd: %v: %s", err, n.log.String())
	}
}

// carried returns what nfdump reads from the collector's files.
func (n *nfcapd) carried() (c carried) {
	n.t.Helper()
	out, err := exec.Command("nfdump", "-R", n.dir, "-q", "-o", "json").Output()
	if err != nil {
		n.t.Fatalf("nfdump: %v", err)
	}
	var flows []struct {
		InPackets  uint64 `json:"in_packets"`
		InBytes    uint64 `json:"in_bytes"`
		OutPackets uint64 `json:"out_packets"`
		OutBytes   uint64 `json:"out_bytes"`
	}
	// With -q it leaves out the brackets around the list, and the summary.
	if err := json.Unmarshal(fmt.Appendf(nil, "[%s]", out), &flows); err != nil {
		n.t.Fatalf("nfdump: %v: %.300s", err, out)
	}
	for _, f := range flows {
		c.flows++
		c.packets += f.InPackets + f.OutPackets
		c.octets += f.InBytes + f.OutBytes
	}
	return c
}

// ipfixTime is how long the traffic of a comparison with a collector lasts.
func ipfixTime() time.Duration { return duration("CTOP_IPFIX", 6*time.Second) }

// duration returns that of a variable, or another one without it.
func duration(variable string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(os.Getenv(variable)); err == nil {
		return d
	}
	return otherwise
}

// failures returns how often the collector missed records, by their numbers.
func (n *nfcapd) failures() string {
	n.t.Helper()
	out, err := exec.Command("nfdump", "-R", n.dir, "-I").Output()
	if err != nil {
		n.t.Fatalf("nfdump: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		if what, count, found := strings.Cut(line, ":"); found && strings.HasPrefix(what, "Sequence failures") {
			return strings.TrimSpace(count)
		}
	}
	return "unknown"
}

// What nfdump has of mixed traffic with churn is what ctop has, to the octet, the packet
// and the flow.
func TestCollectorAgrees(t *testing.T) {
	dir := t.TempDir()
	lab.Require(t)
	collector := startNfcapd(t.Context(), t, dir)
	e := serveFlows(t, "127.0.0.1", "--ipfix-active", "1h")
	e.trafficUntil("many flows", ipfixTime(), func() bool { return e.destroyed() >= 100 })
	e.settle()
	e.stop()
	collector.stop()
	got, want := collector.carried(), e.ended()
	if failures := collector.failures(); failures != "0" {
		t.Errorf("nfcapd missed records %s times", failures)
	}
	t.Logf("nfdump %+v, ctop %+v", got, want)
	if got != want || want.flows < 100 {
		t.Errorf("nfdump has %+v, ctop %+v; nfcapd: %s; ctop: %s", got, want, collector.log.String(), e.log.end())
	}
}
