package bpf

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"ctop/internal/frame"
)

// An attacker who knows addresses and ports but guesses the numbers neither ends
// nor stalls a flow. A RST with the exact number ends it.
func TestBlindAttacker(t *testing.T) {
	h := newHarness(t, setup{})
	for i, by := range hooks {
		for _, enforce := range []bool{false, true} {
			h.reset()
			h.enforce(enforce)
			key := h.establish(by, client4, server4)
			id, random := h.flow(key).ID(), rand.New(rand.NewPCG(uint64(i), 7))
			ends := [2]netip.Addr{client4, server4}
			ports := [2]uint16{40000, 443}
			next := uint32(1001)
			for n := range 10000 {
				from := random.IntN(2)
				flags := []uint8{frame.RST, frame.RST | frame.ACK, frame.SYN, frame.FIN | frame.ACK, frame.ACK, frame.ACK | frame.PSH}[random.IntN(6)]
				s := frame.Segment{Flags: flags, Seq: random.Uint32(), Ack: random.Uint32(), Window: uint16(random.Uint32()), Sport: ports[from], Dport: ports[1-from]}
				h.run(by, frame.Frame{Src: ends[from], Dst: ends[1-from], Proto: frame.ProtoTCP, L4: s.Bytes()}.Bytes())
				if n%100 != 0 {
					continue
				}
				next = h.exchange(by, next)
				if flow := h.flow(key); flow == nil || flow.ID() != id || state(flow) != ConntrackFlowStateSTATE_ESTABLISHED {
					t.Fatalf("%s: after %d packets the flow is %+v", by, n, flow)
				}
			}
			exact := frame.Segment{Flags: frame.RST, Seq: next, Sport: 40000, Dport: 443}
			h.expect(by, frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoTCP, L4: exact.Bytes()}.Bytes(), "established")
			h.expectFlows(0)
		}
	}
}

// exchange sends ten bytes in the connection that establish made, and their
// acknowledgement.
func (h *harness) exchange(by hook, next uint32) uint32 {
	h.t.Helper()
	data := frame.Segment{Flags: frame.ACK | frame.PSH, Seq: next, Ack: 5001, Window: 10000, Sport: 40000, Dport: 443, Payload: 10}
	answer := frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: next + 10, Window: 10000, Sport: 443, Dport: 40000}
	h.expect(by, frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoTCP, L4: data.Bytes()}.Bytes(), "established")
	h.expect(by, frame.Frame{Src: server4, Dst: client4, Proto: frame.ProtoTCP, L4: answer.Bytes()}.Bytes(), "established")
	return next + 10
}

// The invariants of all packets hold for conversations that are duplicated,
// reordered, truncated and corrupted.
func TestMutatedConversations(t *testing.T) {
	h := newHarness(t, setup{})
	frames := conversation()
	const seed = 20261122
	random := rand.New(rand.NewPCG(seed, 0))
	for n := range 400 {
		h.reset()
		h.hop = n%4 == 3
		at := random.IntN(len(frames))
		for range 48 {
			var raw [8]byte
			binary.NativeEndian.PutUint64(raw[:], random.Uint64())
			m := mutation{Frame: uint8(at), How: raw[0], Wait: uint16(raw[1])}
			if random.IntN(4) == 0 {
				m.At, m.Value, m.Other, m.Again = raw[2]%80, raw[3], raw[4], raw[5]%80
			} else {
				m.How &^= 32 | 16
			}
			h.mutated(m, frames[at%len(frames)])
			if at++; random.IntN(3) == 0 {
				at = random.IntN(len(frames))
			}
		}
	}
}

// One end was outside the window, segments inside it came since, and then the other
// end was outside, too. The flow has missed nothing, and keeps the timeout of an
// established one.
func TestEndsOutsideBeforeAndAfter(t *testing.T) {
	h := newHarness(t, setup{})
	for _, by := range hooks {
		for first := range 2 {
			h.reset()
			c := h.connect(by)
			send := []func(string, frame.Segment){c.client, c.server}
			far := []frame.Segment{
				{Flags: frame.FIN | frame.ACK, Seq: 1001 + 1<<30, Ack: 5001},
				{Flags: frame.FIN | frame.ACK, Seq: 5001 + 1<<30, Ack: 1001},
			}
			send[first]("invalid/window", far[first])
			c.client("established", frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001, Payload: 10})
			c.server("established", frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: 1011})
			send[1-first]("invalid/window", far[1-first])
			h.wait(timeouts[ConntrackTimeoutTIMEOUT_TCP_UNACKNOWLEDGED] + 1)
			h.sweep(ConntrackSweepArgs{})
			h.expectFlows(1)
		}
	}
}
