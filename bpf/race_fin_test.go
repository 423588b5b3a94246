package bpf

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"ctop/internal/frame"
)

// A FIN and another segment of its connection come by two CPUs at the same moment.
// Whichever is first, the other one does not acknowledge the FIN, and is not taken for
// data beyond it.
func TestFINRaced(t *testing.T) {
	const each = 1 << 14
	r := newRace(t, 2*each)
	like := *r.flow(r.establish(hookXDP, client4, server4))
	fin := frame.Segment{Flags: frame.FIN | frame.ACK, Seq: 1001, Ack: 5001, Window: 10000, Sport: 40000, Dport: 443}
	ack := frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: 1001, Window: 10000, Sport: 443, Dport: 40000}
	late := frame.Segment{Flags: frame.ACK, Seq: 991, Ack: 5001, Window: 10000, Sport: 40000, Dport: 443, Payload: 10}
	r.prepare = func() { r.fill(each, like) }
	for name, c := range map[string]course{
		"ACK of the other side": {frames: [2][]byte{tcpFrame(client4, server4, fin), tcpFrame(server4, client4, ack)}, offsets: [2]int16{there, back}},
		"data of the same side": {frames: [2][]byte{tcpFrame(client4, server4, fin), tcpFrame(client4, server4, late)}, offsets: [2]int16{there, there}},
	} {
		wrong := 0
		rounds := r.until(longer(50_000, 1_000_000), each, c, func(ConntrackCpuStats) {
			r.memory.Each(func(f *ConntrackFlow) {
				if state(f) != ConntrackFlowStateSTATE_FIN_WAIT_1 || hasFlag(f, ConntrackFlowFlagFLOW_FIN_ACKED) {
					wrong++
				}
			})
		})
		if wrong > 0 {
			t.Errorf("%s: %d of %d flows did not wait for the acknowledgement of the FIN", name, wrong, rounds*each)
		}
	}
}

// The first answer in a connection that was there before the tracker, and data of the
// side that was seen already, come by two CPUs at the same moment. Both are valid.
func TestFirstAnswerRaced(t *testing.T) {
	const each = 1 << 14
	r := newRace(t, 2*each)
	data := frame.Segment{Flags: frame.ACK, Seq: 991, Ack: 3_000_000_001, Window: 10000, Sport: 40000, Dport: 443, Payload: 10}
	answer := frame.Segment{Flags: frame.ACK, Seq: 3_000_000_001, Ack: 1001, Window: 10000, Sport: 443, Dport: 40000}
	r.expect(hookXDP, tcpFrame(client4, server4, data), "new")
	like := r.entries()[0]
	r.prepare = func() { r.fill(each, like) }
	data.Seq = 1001
	invalid := uint64(0)
	c := course{frames: [2][]byte{tcpFrame(client4, server4, data), tcpFrame(server4, client4, answer)}, offsets: [2]int16{there, back}}
	rounds := r.until(longer(50_000, 1_000_000), each, c, func(counted ConntrackCpuStats) {
		invalid += counted.Verdict[ConntrackVerdictVERDICT_INVALID]
	})
	if invalid > 0 {
		t.Errorf("%d of %d packets were called invalid", invalid, 2*rounds*each)
	}
}

// A connection is opened again in a full table, and at the same moment other flows begin,
// which find no place but the one of the old connection. Then it takes another one, or
// passes untracked: it is no segment without a flow, which would be dropped.
func TestOpenedAgainInFullTable(t *testing.T) {
	const each = 1 << 12
	r := newRace(t, each)
	c := r.connect(hookXDP)
	c.client("established", frame.Segment{Flags: frame.SYN, Seq: 900_000})
	c.server("established", frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 700_000, Ack: 900_001})
	like := *r.flow(c.key())
	again := tcpFrame(client4, server4, frame.Segment{Flags: frame.ACK, Seq: 900_001, Ack: 700_001, Sport: 40000, Dport: 443})
	r.prepare = func() {
		r.fill(each, like)
		r.filling().Kept = each
		r.enforce(true)
	}
	both := course{frames: [2][]byte{again, udpFrame(client4, server4, 5, 6, 60).Bytes()}, offsets: [2]int16{there, there}, lead: 64}
	var reused, invalid uint64
	rounds := r.until(longer(20_000, 500_000), each, both, func(counted ConntrackCpuStats) {
		reused += counted.Destroyed[ConntrackReasonREASON_REUSED]
		invalid += counted.Verdict[ConntrackVerdictVERDICT_INVALID]
	})
	t.Logf("%d connections were opened again in %d rounds", reused, rounds)
	if reused != rounds*each || invalid > 0 {
		t.Errorf("%d of %d connections were opened again, %d packets were invalid", reused, rounds*each, invalid)
	}
}

// fill enters as many flows as the gates send packets of: like one of client4's port
// 40000 with server4's 443.
func (r *race) fill(n uint32, like ConntrackFlow) {
	r.t.Helper()
	flows := make([]ConntrackFlow, n)
	for i := range flows {
		var source [4]byte
		binary.NativeEndian.PutUint32(source[:], uint32(i))
		f := &flows[i]
		*f = like
		var reversed bool
		f.Key, reversed = keyOf(frame.Frame{Src: netip.AddrFrom4(source), Dst: server4, Proto: frame.ProtoTCP}, 40000, 443)
		f.Id = uint64(i + 1)
		f.Control = f.Id<<32 | f.Control&0xffffffff&^uint64(ConntrackFlowFlagFLOW_REVERSED)
		if reversed {
			f.Control |= uint64(ConntrackFlowFlagFLOW_REVERSED)
		}
	}
	ok(r.t, r.memory.Fill(flows))
}
