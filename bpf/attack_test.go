package bpf

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// Somebody who knows the addresses and ports and guesses the numbers neither
// ends a flow nor stalls it; with the exact number a RST does end it.
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
				flags := []uint8{rst, rst | ack, syn, fin | ack, ack, ack | psh}[random.IntN(6)]
				s := segment{flags: flags, seq: random.Uint32(), ack: random.Uint32(), window: uint16(random.Uint32()), sport: ports[from], dport: ports[1-from]}
				h.run(by, frame{src: ends[from], dst: ends[1-from], proto: protoTCP, l4: s.bytes()}.bytes())
				if n%100 != 0 {
					continue
				}
				next = h.exchange(by, next)
				if flow := h.flow(key); flow == nil || flow.ID() != id || state(flow) != ConntrackFlowStateSTATE_ESTABLISHED {
					t.Fatalf("%s: after %d packets the flow is %+v", by, n, flow)
				}
			}
			exact := segment{flags: rst, seq: next, sport: 40000, dport: 443}
			h.expect(by, frame{src: client4, dst: server4, proto: protoTCP, l4: exact.bytes()}.bytes(), "established")
			h.expectFlows(0)
		}
	}
}

// exchange sends ten bytes in the connection that establish made, and their
// acknowledgement.
func (h *harness) exchange(by hook, next uint32) uint32 {
	h.t.Helper()
	data := segment{flags: ack | psh, seq: next, ack: 5001, window: 10000, sport: 40000, dport: 443, payload: 10}
	answer := segment{flags: ack, seq: 5001, ack: next + 10, window: 10000, sport: 443, dport: 40000}
	h.expect(by, frame{src: client4, dst: server4, proto: protoTCP, l4: data.bytes()}.bytes(), "established")
	h.expect(by, frame{src: server4, dst: client4, proto: protoTCP, l4: answer.bytes()}.bytes(), "established")
	return next + 10
}

// What holds for any packet whatever holds for conversations that are repeated,
// reordered, cut and corrupted.
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
