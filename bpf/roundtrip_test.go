package bpf

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"

	"ctop/internal/frame"
)

// A flood that sends as many SYNs within a round trip as the table has room for, and
// more, does not keep honest handshakes from completing. docs/reliability.md has the
// figures.
func TestHandshakesWithinAFlood(t *testing.T) {
	const room, handshakes = 4096, 200
	// As the tracker loads the programs: openings for an eighth of the room.
	h := newHarness(t, setup{MaxFlows: room, KeptLimit: room - room/16})
	for _, tt := range []struct {
		between float64 // SYNs within a round trip, in capacities
		atLeast int     // handshakes that are completed, of 200
	}{{0.5, 200}, {0.9, 200}, {1, 200}, {1.5, 200}, {1.9, 190}, {2, 0}, {3, 0}} {
		h.reset()
		h.enforce(true)
		before := h.counters()
		completed := h.flooded(int(tt.between*room), handshakes)
		t.Logf("%.1f times the capacity in SYNs within a round trip: %d of %d handshakes", tt.between, completed, handshakes)
		if completed < tt.atLeast {
			t.Errorf("%.1f times the capacity: %d of %d handshakes were completed, want %d", tt.between, completed, handshakes, tt.atLeast)
		}
		h.sumsHold(before)
		h.checkTable()
	}
}

// flooded begins handshakes during a flood that sends "between" SYNs within a round trip.
// The tracker is half way between the ends, where it waits longest for each next packet:
// the answer, the opener's ACK and data of the other end. It returns how many handshakes
// are established with nothing dropped.
func (h *harness) flooded(between, handshakes int) (established int) {
	h.t.Helper()
	const apart = 50
	dropped := map[uint16]bool{}
	packets := []struct {
		after, side int
		segment     frame.Segment
	}{
		{0, 0, frame.Segment{Flags: frame.SYN, Seq: 1000}},
		{between / 2, 1, frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001}},
		{between, 0, frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001}},
		{between*3/2 + 1, 1, frame.Segment{Flags: frame.ACK | frame.PSH, Seq: 5001, Ack: 1001, Payload: 10}},
	}
	flood := tcpFrame(aside[0], aside[1], frame.Segment{Flags: frame.SYN, Seq: 1000, Sport: 1, Dport: 443})
	source, random := flood[frame.HeaderSize+12:frame.HeaderSize+16], uint32(198<<24|18<<16)
	h.come(0)
	for n := range handshakes*apart + 2*between {
		for _, p := range packets {
			since := n - p.after
			if since < 0 || since%apart != 0 || since/apart >= handshakes {
				continue
			}
			s, ends := p.segment, [2]netip.Addr{client4, server4}
			port := uint16(10000 + since/apart)
			s.Sport, s.Dport = port, 443
			if p.side == 1 {
				s.Sport, s.Dport = 443, port
			}
			h.come(p.side)
			if !h.run(hookXDP, tcpFrame(ends[p.side], ends[1-p.side], s)) {
				dropped[port] = true
			}
			h.come(0)
		}
		random++
		binary.BigEndian.PutUint32(source, random)
		if _, err := h.CtopXdp.Run(&ebpf.RunOptions{Data: flood}); err != nil {
			h.t.Fatal(err)
		}
	}
	for port := range uint16(handshakes) {
		key, _ := keyOf(frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoTCP}, 10000+port, 443)
		if state(h.flow(key)) == ConntrackFlowStateSTATE_ESTABLISHED && !dropped[10000+port] {
			established++
		}
	}
	return established
}
