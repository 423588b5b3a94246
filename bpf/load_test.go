package bpf

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cilium/ebpf"

	"ctop/internal/frame"
)

// Connections begin, are answered, closed, cut and begun again on all CPUs, in tables
// that are too small for them, while flows are deleted, are given timeouts and expire.
// The table holds together, counts exactly the flows that are kept, and has room for
// new ones afterwards.
func TestSmallTablesUnderLoad(t *testing.T) {
	const each = 6000
	for _, room := range []int{16, 40, 200} {
		h := newHarness(t, setup{MaxFlows: room, KeptLimit: uint64(room - max(room/spareRoom, 1))})
		h.reset()
		before, frames := h.counters(), lives(uint16(3*room))
		var stop atomic.Bool
		var asking sync.WaitGroup
		asking.Go(func() { h.meddle(&stop) })
		together(t, func(cpu int) {
			random, at := rand.New(rand.NewPCG(uint64(cpu), 5)), 0
			for range each {
				if at++; random.IntN(12) == 0 {
					at = random.IntN(len(frames))
				}
				if _, err := h.program(hooks[random.IntN(2)]).Run(&ebpf.RunOptions{Data: frames[at%len(frames)]}); err != nil {
					t.Error(err)
					return
				}
			}
		})
		stop.Store(true)
		asking.Wait()
		h.checkTable()
		h.sumsHold(before)
		kept := uint64(0)
		for _, f := range h.entries() {
			if hasFlag(&f, ConntrackFlowFlagFLOW_KEPT) {
				kept++
			}
		}
		if counted := h.filling().Kept; counted != kept {
			t.Errorf("%d flows are kept, %d are counted", kept, counted)
		}
		before = h.counters()
		for port := range uint16(4 * room) {
			h.expect(hookXDP, udpFrame(client4, server4, port+1, 999, 30).Bytes(), "new")
		}
		if counted := h.since(before); counted.Created != uint64(4*room) {
			t.Errorf("%d of %d flows were begun afterwards", counted.Created, 4*room)
		}
	}
}

// lives are the packets of connections from so many ports, in order.
func lives(ports uint16) (frames [][]byte) {
	for port := range ports {
		there := func(flags uint8, seq, ack uint32) []byte {
			return tcpFrame(client4, server4, frame.Segment{Flags: flags, Seq: seq, Ack: ack, Window: 10000, Sport: port + 1, Dport: 443})
		}
		back := func(flags uint8, seq, ack uint32) []byte {
			return tcpFrame(server4, client4, frame.Segment{Flags: flags, Seq: seq, Ack: ack, Window: 10000, Sport: 443, Dport: port + 1})
		}
		frames = append(frames,
			there(frame.SYN, 1000, 0), back(frame.SYN|frame.ACK, 5000, 1001), there(frame.ACK, 1001, 5001),
			there(frame.SYN, 9000, 0), back(frame.SYN|frame.ACK, 15000, 9001), there(frame.ACK, 9001, 15001),
			back(frame.FIN|frame.ACK, 5001, 1001), there(frame.FIN|frame.ACK, 1001, 5002), back(frame.ACK, 5002, 1002),
			back(frame.RST, 5001, 0), there(frame.RST|frame.ACK, 1001, 5001),
			udpFrame(client6, server6, port+1, 53, 30).Bytes(), udpFrame(server6, client6, 53, port+1, 30).Bytes())
	}
	return frames
}

// meddle deletes flows, gives them timeouts, sweeps and moves the clock until it is to
// stop.
func (h *harness) meddle(stop *atomic.Bool) {
	random := rand.New(rand.NewPCG(9, 9))
	for !stop.Load() {
		for _, f := range h.entries() {
			if random.IntN(8) > 0 {
				continue
			}
			h.syscall(h.Request, &ConntrackRequestArgs{
				Key: f.Key, Id: f.Id, Request: ConntrackFlowRequest(random.IntN(2)), TimeoutTicks: uint32(random.IntN(100)),
			})
		}
		h.sweep(ConntrackSweepArgs{Pressure: uint32(random.IntN(256))})
		h.wait(uint64(random.IntN(20)))
	}
}
