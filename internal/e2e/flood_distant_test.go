package e2e

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// roundTrips are the round trips to a distant server.
var roundTrips = []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, 600 * time.Millisecond, time.Second}

// distantEach is the number of handshakes with each round trip.
const distantEach = 20

// The ends of distant connections. No host has these addresses, so no host
// answers.
var (
	distantClient = [4]byte{192, 0, 2, 1}
	distantServer = [4]byte{203, 0, 113, 1}
)

// distant performs handshakes with distant servers, frame by frame, without
// retransmissions. The tracker shows which completed.
type distant struct {
	r       *rig
	sockets [2]int
	wires   [2]*wire
	// longest are the longest durations of the handshakes with each round trip: on
	// a busy machine, frames leave late.
	longest []time.Duration
}

func newDistant(t *testing.T, r *rig) *distant {
	t.Helper()
	d := &distant{r: r}
	client, err := r.Client.MAC()
	if err != nil {
		t.Fatal(err)
	}
	server, err := r.Server.MAC()
	if err != nil {
		t.Fatal(err)
	}
	d.wires = [2]*wire{{from: client, to: server, dst: distantServer}, {from: server, to: client, dst: distantClient}}
	if d.sockets[0], err = packetSocket(r.Client); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(d.sockets[0]) })
	if d.sockets[1], err = packetSocket(r.Server); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(d.sockets[1]) })
	return d
}

// port returns the client's port of the i-th handshake with a round trip.
func (d *distant) port(trip, i int) uint16 { return uint16(20000 + trip*1000 + i) }

// say sends a segment of one end. It retries while the queue is full.
func (d *distant) say(ctx context.Context, end int, client uint16, flags byte, seq, ack uint32) {
	const server = 443
	src, ports := distantClient, [2]uint16{client, server}
	if end == 1 {
		src, ports = distantServer, [2]uint16{server, client}
	}
	frame := d.wires[end].segment(src, ports, flags, seq, ack)
	for ctx.Err() == nil {
		if _, err := unix.Write(d.sockets[end], frame); err == nil {
			return
		}
	}
}

// shakeAll performs handshakes until ctx is done, and completes the last ones.
func (d *distant) shakeAll(ctx context.Context, over time.Duration) {
	const synSent, synAck, ackOnly = 0x02, 0x12, 0x10
	type step struct {
		at    time.Duration
		trip  int
		end   int
		port  uint16
		flags byte
		seq   uint32
		ack   uint32
	}
	var steps []step
	for trip, rtt := range roundTrips {
		for i := range distantEach {
			begin, port := over*time.Duration(i)/distantEach, d.port(trip, i)
			// With the tracker half way, its wait for each next packet is
			// longest.
			steps = append(steps, step{begin, trip, 0, port, synSent, 1000, 0}, step{begin + rtt/2, trip, 1, port, synAck, 5000, 1001},
				step{begin + rtt, trip, 0, port, ackOnly, 1001, 5001}, step{begin + rtt*3/2, trip, 1, port, ackOnly, 5001, 1001})
		}
	}
	started, end := time.Now(), context.WithoutCancel(ctx)
	began := map[uint16]time.Time{}
	d.longest = make([]time.Duration, len(roundTrips))
	for len(steps) > 0 {
		next := 0
		for i := range steps {
			if steps[i].at < steps[next].at {
				next = i
			}
		}
		s := steps[next]
		steps = append(steps[:next], steps[next+1:]...)
		wait(end, time.Until(started.Add(s.at)))
		if s.flags == synSent {
			began[s.port] = time.Now()
		}
		d.say(d.r.ctx, s.end, s.port, s.flags, s.seq, s.ack)
		if s.flags == ackOnly && s.end == 0 {
			d.longest[s.trip] = max(d.longest[s.trip], time.Since(began[s.port]))
		}
	}
}

// fastest returns the highest number of flows created in a second, until ctx is
// done. On a busy machine a flood arrives in bursts, and a burst evicts
// handshakes.
func (d *distant) fastest(ctx context.Context) (perSecond float64) {
	made, at := uint64(0), time.Time{}
	for ; ctx.Err() == nil; wait(ctx, 100*time.Millisecond) {
		s, err := d.r.tracker.Snapshot()
		if err != nil {
			continue // whoever reads the table next says so
		}
		now := time.Now()
		if !at.IsZero() {
			perSecond = max(perSecond, float64(s.Counters.FlowsCreated-made)/now.Sub(at).Seconds())
		}
		made, at = s.Counters.FlowsCreated, now
	}
	return perSecond
}

// check checks the number of completed handshakes. It is nearly all if the
// flood created fewer flows within a round trip than the table can hold: a full
// cable may lose a frame. Between one and two tables of flows, some complete:
// the marks of evicted handshakes decide. TestHandshakesWithinAFlood of package
// bpf has exact figures.
func (d *distant) check(t *testing.T, perSecond float64, table int) {
	t.Helper()
	established := map[uint16]bool{}
	for _, f := range d.r.flows("tcp") {
		if f.Tuple.Src.Addr() == netip.AddrFrom4(distantClient) && f.State == flow.StateEstablished {
			established[f.Tuple.Src.Port()] = true
		}
	}
	for trip, rtt := range roundTrips {
		completed := 0
		for i := range distantEach {
			if established[d.port(trip, i)] {
				completed++
			}
		}
		took := max(rtt, d.longest[trip])
		load := perSecond * took.Seconds() / float64(table)
		t.Logf("round trip %v (%v), up to %.2f tables of flows within it: %d of %d handshakes completed", rtt, took, load, completed, distantEach)
		if load < 1 && completed < distantEach*8/10 {
			t.Errorf("round trip %v: %d of %d handshakes completed", rtt, completed, distantEach)
		}
	}
}

// segment is a TCP segment without data.
func (w *wire) segment(src [4]byte, ports [2]uint16, flags byte, seq, ack uint32) []byte {
	h := make([]byte, 20)
	binary.BigEndian.PutUint16(h, ports[0])
	binary.BigEndian.PutUint16(h[2:], ports[1])
	binary.BigEndian.PutUint32(h[4:], seq)
	binary.BigEndian.PutUint32(h[8:], ack)
	h[12], h[13] = 0x50, flags
	binary.BigEndian.PutUint16(h[14:], 0xffff)
	pseudo := append(append(append(make([]byte, 0, 32), src[:]...), w.dst[:]...), 0, unix.IPPROTO_TCP, 0, 20)
	binary.BigEndian.PutUint16(h[16:], internetChecksum(append(pseudo, h...)))
	return w.ipv4(src, unix.IPPROTO_TCP, 0, h)
}
