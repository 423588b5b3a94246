package bpf

import (
	"net/netip"
	"testing"

	"ctop/internal/frame"
)

// aside are the ends of flows that one side creates alone.
var aside = [2]netip.Addr{netip.MustParseAddr("198.18.0.1"), netip.MustParseAddr("198.51.100.1")}

func tcpFrame(src, dst netip.Addr, s frame.Segment) []byte {
	s.Window = 10000
	return frame.Frame{Src: src, Dst: dst, Proto: frame.ProtoTCP, L4: s.Bytes()}.Bytes()
}

// kindsOfOneSide are the kinds of flows that one side can create alone.
var kindsOfOneSide = map[string]func(port uint16) [][]byte{
	"UDP answered by its own side": func(port uint16) [][]byte {
		return [][]byte{
			udpFrame(aside[0], aside[1], port, 443, 4).Bytes(),
			udpFrame(aside[1], aside[0], 443, port, 4).Bytes(),
		}
	},
	"UDP that lasts": func(port uint16) (all [][]byte) {
		for range 20 {
			all = append(all, udpFrame(aside[0], aside[1], port, 443, 4).Bytes())
		}
		return all
	},
	"a handshake with itself": func(port uint16) [][]byte {
		return [][]byte{
			tcpFrame(aside[0], aside[1], frame.Segment{Flags: frame.SYN, Seq: 1000, Sport: port, Dport: 443}),
			tcpFrame(aside[1], aside[0], frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001, Sport: 443, Dport: port}),
			tcpFrame(aside[0], aside[1], frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001, Sport: port, Dport: 443}),
		}
	},
	"ACKs both ways": func(port uint16) [][]byte {
		return [][]byte{
			tcpFrame(aside[0], aside[1], frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001, Sport: port, Dport: 443}),
			tcpFrame(aside[1], aside[0], frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: 1001, Sport: 443, Dport: port}),
		}
	},
}

// One side cannot fill the table: new connections always find room, and stay.
func TestOneSideDoesNotFillTheTable(t *testing.T) {
	const room, connections = 64, 20
	h := newHarness(t, setup{MaxFlows: room, KeptLimit: room - room/16})
	for name, flow := range kindsOfOneSide {
		flood := func(by hook, flows int) {
			h.come(0)
			for port := range uint16(flows) {
				for _, f := range flow(1024 + port) {
					h.run(by, f)
				}
			}
		}
		for _, by := range hooks {
			for _, enforce := range []bool{false, true} {
				h.reset()
				h.enforce(enforce)
				before := h.counters()
				flood(by, 10*room)
				for port := range uint16(connections) {
					h.handshake(by, 2000+port)
				}
				flood(by, 2*room)
				stay := 0
				for _, f := range h.table() {
					if hasFlag(&f, ConntrackFlowFlagFLOW_KEPT) {
						stay++
					}
				}
				if counted := h.since(before); stay != connections || counted.TableFull != 0 {
					t.Errorf("%s, %s, enforce %t: %d of %d connections stay, %d flows were not tracked",
						name, by, enforce, stay, connections, counted.TableFull)
				}
				h.sumsHold(before)
			}
		}
	}
}

// handshake opens a connection between the two sides.
func (h *harness) handshake(by hook, port uint16) {
	h.t.Helper()
	h.come(0)
	h.expect(by, tcpFrame(client4, server4, frame.Segment{Flags: frame.SYN, Seq: 1000, Sport: port, Dport: 443}), "new")
	h.come(1)
	h.expect(by, tcpFrame(server4, client4, frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001, Sport: 443, Dport: port}), "established")
	h.come(0)
	h.expect(by, tcpFrame(client4, server4, frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001, Sport: port, Dport: 443}), "established")
}

// sumsHold compares the flows created with those that ended and those in the table.
func (h *harness) sumsHold(before ConntrackCpuStats) {
	h.t.Helper()
	counted := h.since(before)
	if n := int(counted.Created) - ended(counted); n != h.count() {
		h.t.Errorf("%d created, %d ended, %d there", counted.Created, ended(counted), h.count())
	}
}

// SYNs that are taken back at once, many more than the nursery has entries, do not
// make it lose the flows that may be evicted.
func TestNurseryIsNotRunEmpty(t *testing.T) {
	const room, pairs = 64, 2000
	h := newHarness(t, setup{MaxFlows: room})
	for _, by := range hooks {
		h.reset()
		h.come(0)
		before := h.counters()
		for port := range uint16(room - 1) {
			h.expect(by, udpFrame(client4, server4, port+1, 2, 10).Bytes(), "new")
		}
		for port := range uint16(pairs) {
			h.expect(by, tcpFrame(aside[0], aside[1], frame.Segment{Flags: frame.SYN, Seq: 1000, Sport: port, Dport: 443}), "new")
			h.expect(by, tcpFrame(aside[0], aside[1], frame.Segment{Flags: frame.RST, Seq: 1001, Sport: port, Dport: 443}), "new")
		}
		for port := range uint16(200) {
			h.expect(by, udpFrame(client4, server4, port+1, 3, 10).Bytes(), "new")
		}
		if counted := h.since(before); counted.TableFull != 0 || counted.Created != room-1+pairs+200 {
			t.Errorf("%s: counted %+v", by, counted)
		}
		h.sumsHold(before)
	}
}

// A CPU can be held up for a whole turn of the ring, by a hypervisor for one, before it
// writes into the nursery. What it writes then, or has not written, makes nobody wait:
// new flows evict the others.
func TestNurseryOutOfDate(t *testing.T) {
	const room, ring, turn = 16, 32, 1 << 57
	h := newHarness(t, setup{MaxFlows: room})
	for _, by := range hooks {
		for name, spoil := range map[string]func(entry uint64) uint64{
			"not written":            func(uint64) uint64 { return 0 },
			"of the turn before":     func(entry uint64) uint64 { return entry - turn },
			"struck out before":      func(entry uint64) uint64 { return entry>>57<<57 - turn | 1 },
			"of the turn after":      func(entry uint64) uint64 { return entry + turn },
			"of a flow that was not": func(entry uint64) uint64 { return entry + 1<<32 + 1 },
		} {
			h.reset()
			before := h.counters()
			for port := range uint16(room) {
				h.expect(by, udpFrame(client4, server4, port+1, 2, 10).Bytes(), "new")
			}
			for _, behind := range []uint64{0, 1, 5} {
				var entry uint64
				at := uint32((h.filling().Tail + behind) % ring)
				ok(t, h.Nursery.Lookup(at, &entry))
				ok(t, h.Nursery.Put(at, spoil(entry)))
			}
			for port := range uint16(5 * ring) {
				h.expect(by, udpFrame(client4, server4, port+1, 3, 10).Bytes(), "new")
			}
			if counted := h.since(before); counted.TableFull != 0 {
				t.Errorf("%s, %s: counted %+v", by, name, counted)
			}
			h.checkTable()
			h.sumsHold(before)
		}
	}
}

// Where answered flows would fill the table some room is left for new ones: they are
// tracked, can be answered, and take the place of one another.
func TestRoomForOpenings(t *testing.T) {
	const room, kept = 64, 60
	h := newHarness(t, setup{MaxFlows: room, KeptLimit: kept})
	for _, by := range hooks {
		h.reset()
		h.enforce(true)
		before := h.counters()
		for port := range uint16(3 * room) {
			h.handshake(by, 1000+port)
		}
		there := func(port uint16) bool {
			key, _ := keyOf(frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoTCP}, port, 443)
			return h.flow(key) != nil
		}
		for port := range uint16(kept) {
			if !there(1000 + port) {
				t.Errorf("%s: the connection from port %d is gone", by, 1000+port)
			}
		}
		if counted := h.since(before); counted.TableFull != 0 || !there(1000+3*room-1) {
			t.Errorf("%s: counted %+v", by, counted)
		}
		h.sumsHold(before)
		h.wait(timeouts[ConntrackTimeoutTIMEOUT_TCP_ESTABLISHED])
		h.sweep(ConntrackSweepArgs{})
		left := h.filling().Kept
		if left != 0 || h.count() != 0 {
			t.Errorf("%s: %d flows, %d kept", by, h.count(), left)
		}
	}
}

// A handshake whose flow was evicted goes on with the answer, if that comes by the
// other side and answers it.
func TestEvictedHandshakes(t *testing.T) {
	const room = 64
	h := newHarness(t, setup{MaxFlows: room})
	flood := func(by hook) {
		h.come(0)
		for port := range uint16(2 * room) {
			h.expect(by, udpFrame(aside[0], aside[1], port+1, 3, 10).Bytes(), "new")
		}
	}
	opened := tcpFrame(client4, server4, frame.Segment{Flags: frame.SYN, Seq: 1000, Sport: 40000, Dport: 443, Options: []byte{1, 3, 3, 9}})
	answer := frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001, Sport: 443, Dport: 40000, Options: []byte{1, 3, 3, 2}}
	data := tcpFrame(client4, server4, frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001, Sport: 40000, Dport: 443, Payload: 5})
	more := tcpFrame(server4, client4, frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: 1006, Sport: 443, Dport: 40000, Payload: 5})
	for _, by := range hooks {
		h.reset()
		h.enforce(true)
		h.come(0)
		h.expect(by, opened, "new")
		flood(by)
		h.expect(by, tcpFrame(server4, client4, answer), "invalid/no_flow")
		h.come(1)
		other := answer
		other.Ack++
		h.expect(by, tcpFrame(server4, client4, other), "invalid/no_flow")
		h.expect(by, tcpFrame(server4, client4, answer), "new")
		for _, f := range h.table() {
			if state(&f) == ConntrackFlowStateSTATE_SYN_RECV && (f.Dir[0].Wscale != 9 || f.Dir[1].Wscale != 2) {
				t.Errorf("%s: window scales %d and %d", by, f.Dir[0].Wscale, f.Dir[1].Wscale)
			}
		}
		flood(by)
		h.expect(by, data, "new")
		h.come(1)
		h.expect(by, more, "established")
		flood(by)
		h.expect(by, data, "established")
	}
}

// Nor does a SYN that somebody forged beside the other end first make the tracker
// forget the handshake that came after it.
func TestEvictedAfterAForgedSYN(t *testing.T) {
	const room = 64
	h := newHarness(t, setup{MaxFlows: room})
	flood := func(by hook) {
		h.come(1)
		for port := range uint16(2 * room) {
			h.expect(by, udpFrame(aside[0], aside[1], port+1, 3, 10).Bytes(), "new")
		}
	}
	opened := frame.Segment{Flags: frame.SYN, Seq: 1000, Sport: 40000, Dport: 443, Options: []byte{1, 3, 3, 9}}
	forged := frame.Segment{Flags: frame.SYN, Seq: 777, Sport: 40000, Dport: 443}
	answer := frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001, Sport: 443, Dport: 40000, Options: []byte{1, 3, 3, 2}}
	confirmed := frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001, Sport: 40000, Dport: 443}
	for _, by := range hooks {
		h.reset()
		h.enforce(true)
		h.come(1)
		h.expect(by, tcpFrame(client4, server4, forged), "new")
		h.come(0)
		h.expect(by, tcpFrame(client4, server4, opened), "new")
		flood(by)
		h.come(1)
		h.expect(by, tcpFrame(server4, client4, answer), "new")
		h.come(0)
		h.expect(by, tcpFrame(client4, server4, confirmed), "established")
		flood(by)
		h.come(0)
		h.expect(by, tcpFrame(client4, server4, confirmed), "established")
	}
}
