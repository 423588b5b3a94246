package e2e

import (
	"errors"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ctop/internal/ipfix/ipfixtest"
	"ctop/internal/lab"
)

const collectorAddr = "127.0.0.1:4739"

// collected is what a collector of the tests has heard.
type collected struct {
	t  testing.TB
	mu sync.Mutex
	carried
	// ends are the records that end a flow, and missing is the number of records that the
	// numbers tell to be missing.
	ends    uint64
	missing uint32
	// next are the numbers of the next records by domain.
	next    map[uint32]uint32
	decoder ipfixtest.Decoder
	// keep keeps the records, too.
	keep    bool
	records []ipfixtest.Record
	// deaf loses the datagrams that are read.
	deaf atomic.Bool
}

// message decodes a message.
func (c *collected) message(b []byte) {
	m, err := c.decoder.Decode(b)
	if err != nil {
		c.t.Error(err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = map[uint32]uint32{}
	}
	// Domain 0 has no flows.
	if m.Domain != 0 {
		c.missing += m.Sequence - c.next[m.Domain]
	}
	c.next[m.Domain] = m.Sequence + m.Records()
	const reverse = 29305
	for _, r := range m.Flows() {
		if c.keep {
			c.records = append(c.records, r)
		}
		c.flows++
		c.packets += r.Uint(2) + r.UintOf(reverse, 2)
		c.octets += r.Uint(1) + r.UintOf(reverse, 1)
		if r.Uint(136) != 2 {
			c.ends++
		}
		// It was silent for a timeout, which is a second at least here.
		if silent := int64(m.Time+1)*1000 - int64(r.Uint(153)); r.Uint(136) == 1 && silent < 1000 {
			c.t.Errorf("a flow expired %d ms after its last packet", silent)
		}
	}
}

// sofar returns what was collected.
func (c *collected) sofar() (all carried, ends uint64, missing uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.carried, c.ends, c.missing
}

// agrees compares what was collected with the events of ctop. Nothing is missing.
func (c *collected) agrees(e *exported) (got carried) {
	c.t.Helper()
	got, ends, missing := c.sofar()
	want := e.ended()
	c.t.Logf("%+v collected, %d of them ends, of %+v", got, ends, want)
	if got.packets != want.packets || got.octets != want.octets || ends != want.flows || missing != 0 {
		c.t.Errorf("%+v, %d ends, %d missing, of %+v; ctop: %s", got, ends, missing, want, e.log.end())
	}
	return got
}

// enough ends a collector that reads datagrams.
const enough = "enough"

// listen reads datagrams until the returned function is called. What has arrived is read
// first.
func (c *collected) listen() (stop func()) {
	c.t.Helper()
	conn, err := net.ListenPacket("udp", collectorAddr)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = conn.(*net.UDPConn).SetReadBuffer(8 << 20)
	var group sync.WaitGroup
	group.Go(func() {
		b := make([]byte, 1<<16)
		for {
			n, _, err := conn.ReadFrom(b)
			if err != nil || string(b[:n]) == enough {
				return
			}
			if !c.deaf.Load() {
				c.message(b[:n])
			}
		}
	})
	return func() {
		if _, err := conn.WriteTo([]byte(enough), conn.LocalAddr()); err != nil {
			c.t.Error(err)
			_ = conn.Close()
		}
		group.Wait()
		_ = conn.Close()
	}
}

// After a collector was away, and after datagrams were lost, for CTOP_AWAY each, the numbers
// tell exactly how many records are missing.
func TestNumbersTellWhatIsMissing(t *testing.T) {
	lab.Require(t)
	c := &collected{t: t}
	stop := c.listen()
	e := serveFlows(t, collectorAddr, "--ipfix-active", "1h")
	e.trafficUntil("records", 2*time.Second, func() bool {
		got, _, _ := c.sofar()
		return got.flows > 0
	})
	away := duration("CTOP_AWAY", 3*time.Second)
	c.deaf.Store(true)
	e.traffic(away)
	stop()
	c.deaf.Store(false)
	e.trafficUntil("nobody takes records", away, func() bool { return strings.Contains(e.log.String(), "takes none") })
	stop = c.listen()
	e.trafficUntil("somebody takes records again", 2*time.Second, func() bool {
		return strings.Contains(e.log.String(), "takes flow records again")
	})
	e.settle()
	e.stop()
	stop()
	got, _, missing := c.sofar()
	want := e.ended()
	t.Logf("%+v collected, %d missing, of %+v", got, missing, want)
	if got.flows+uint64(missing) != want.flows || missing == 0 || got.flows == 0 {
		t.Errorf("%d records were collected and %d are missing of %d; ctop: %s", got.flows, missing, want.flows, e.log.end())
	}
	for _, said := range []string{"takes none", "takes flow records again"} {
		if strings.Count(e.log.String(), said) != 1 {
			t.Errorf("the log should say once %q: %s", said, e.log.end())
		}
	}
}

// The records of flows that go on, and their last ones, are together what the flows
// carried.
func TestActiveRecordsAddUp(t *testing.T) {
	lab.Require(t)
	c := &collected{t: t}
	stop := c.listen()
	e := serveFlows(t, collectorAddr, "--ipfix-active", "1s", "--mode", "tc")
	e.trafficUntil("records of flows that go on", 6*time.Second, func() bool {
		got, ends, _ := c.sofar()
		return got.flows >= ends+5
	})
	e.settle()
	e.stop()
	stop()
	c.agrees(e)
}

// At watched interfaces, too, where packets are those of the network stack.
func TestWatchedRecordsAddUp(t *testing.T) {
	lab.Require(t)
	c := &collected{t: t}
	stop := c.listen()
	s := newServing(t)
	if err := s.Bridge(); err != nil {
		t.Fatal(err)
	}
	e := s.serveFlows(collectorAddr, "--ipfix-active", "1s", "--ipfix-process", "--watch")
	e.traffic(4 * time.Second)
	e.settle()
	e.stop()
	stop()
	c.agrees(e)
}

// serveTCP accepts one connection after the other, and returns when stop is called.
func (c *collected) serveTCP() (stop func()) {
	c.t.Helper()
	l, err := net.Listen("tcp", collectorAddr)
	if err != nil {
		c.t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() { acceptAll(l, c.stream) })
	return func() { _ = l.Close(); group.Wait() }
}

// stream reads messages until the stream ends.
func (c *collected) stream(conn net.Conn) {
	defer conn.Close()
	for {
		b, err := ipfixtest.ReadMessage(conn)
		if err != nil {
			if errors.Is(err, ipfixtest.ErrCut) {
				c.t.Error(err)
			}
			return
		}
		c.message(b)
	}
}

// Over TCP everything arrives, and tshark reads the stream.
func TestStreamIsRead(t *testing.T) {
	lab.Require(t)
	capture := t.TempDir() + "/stream.pcap"
	dump := exec.CommandContext(t.Context(), "tcpdump", "-i", "lo", "-U", "-s", "0", "-B", "16384", "-w", capture, "tcp port 4739")
	var dumped said
	dump.Stderr = &dumped
	if err := dump.Start(); err != nil {
		t.Fatal(err)
	}
	c := &collected{t: t}
	stop := c.serveTCP()
	for deadline := time.Now().Add(waitTimeout); !strings.Contains(dumped.String(), "listening on"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(dumped.String())
		}
	}
	e := serveFlows(t, "tcp://"+collectorAddr, "--ipfix-active", "1s")
	e.traffic(4 * time.Second)
	e.settle()
	e.stop()
	stop()
	got := c.agrees(e)
	e.eventually("tcpdump has the stream's end", func() bool {
		out, _ := exec.Command("tshark", "-r", capture, "-Y", "tcp.flags.fin == 1").Output() // it may be cut off as yet
		return strings.Count(string(out), "\n") >= 2
	})
	_ = dump.Process.Signal(syscall.SIGINT)
	_ = dump.Wait()
	// A busy machine reads late, and sends again: that is TCP's.
	if bad := tshark(t, capture, "_ws.malformed || _ws.expert.severity >= 6291456 && !tcp.analysis.flags", "frame.number"); len(bad) > 0 {
		t.Errorf("tshark finds faults in frames %v", bad)
	}
	var octets uint64
	for _, n := range tshark(t, capture, "cflow", "cflow.octets") {
		octets += n
	}
	t.Logf("%+v collected; tshark has %d octets", got, octets)
	if octets != got.octets {
		t.Errorf("tshark has %d octets, the collector %d", octets, got.octets)
	}
}

// tshark returns the values of a field in the packets that match a filter.
func tshark(t *testing.T, capture, filter, field string) (all []uint64) {
	t.Helper()
	out, err := exec.Command("tshark", "-r", capture, "-Y", filter, "-T", "fields", "-e", field, "-E", "separator=,").Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	for one := range strings.FieldsFuncSeq(string(out), func(r rune) bool { return r == ',' || r == '\n' }) {
		n, err := strconv.ParseUint(one, 10, 64)
		if err != nil {
			t.Fatalf("tshark: %q", one)
		}
		all = append(all, n)
	}
	return all
}
