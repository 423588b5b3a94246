package bpf

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cilium/ebpf"

	"ctop/internal/frame"
)

// checkTable compares what the parts of the table say of each other: every flow is in
// one slot and every slot in force has a flow, no key is there twice, and every place
// that was ever used has a flow or is free, once.
func (h *harness) checkTable() {
	h.t.Helper()
	flows, buckets := h.memory.flows, h.memory.buckets
	inSlots, keys, free := map[uint64]bool{}, map[ConntrackFlowKey]bool{}, map[uint32]bool{}
	for b := range buckets {
		for i, slot := range buckets[b].Slots {
			if slot == 0 || slot == slotSpilled && i == bucketSlots-1 {
				continue
			}
			f := &flows[slot>>32]
			if inSlots[slot>>32] || f.Ended() || f.Slot != slot || int(f.Place) != b*bucketSlots+i {
				h.t.Fatalf("slot %d of bucket %d is %#x, its flow %+v", i, b, slot, f)
			}
			if keys[f.Key] {
				h.t.Fatalf("two flows of key %+v", f.Key)
			}
			first, _ := h.memory.Hashing.buckets(h.memory.Hashing.hash(&f.Key))
			if int(first) != b && buckets[first].Slots[bucketSlots-1] == 0 {
				h.t.Fatalf("a flow of bucket %d is in bucket %d, and nobody looks there", first, b)
			}
			inSlots[slot>>32], keys[f.Key] = true, true
		}
	}
	for _, stack := range h.memory.free {
		for number := uint32(stack.Top); number != 0; number = flows[number-1].Place {
			if free[number-1] || inSlots[uint64(number-1)] {
				h.t.Fatalf("place %d is free twice, or has a flow", number-1)
			}
			free[number-1] = true
		}
	}
	if used := len(h.memory.used()); len(inSlots)+len(free) != used {
		h.t.Fatalf("%d flows and %d free places of %d that were used", len(inSlots), len(free), used)
	}
}

// Two CPUs begin the same flows at the same moment, by frames of two links, of one
// direction or of both. There is one flow each time, and every packet is counted for it,
// or told to be untracked.
func TestFlowsBegunTwice(t *testing.T) {
	const each = 1 << 14
	r := newRace(t, 2*each)
	for name, c := range twice() {
		var all uint64
		rounds := r.until(longer(20_000, 1_000_000), each, c, func(counted ConntrackCpuStats) {
			untracked := counted.Untracked[ConntrackUntrackedUNTRACKED_TABLE]
			if packets := r.packets(); r.count() != each || counted.Created != each || packets+untracked != 2*each {
				t.Fatalf("%s: %d flows of %d, %d created; %d packets were counted, %d untracked", name, r.count(), each, counted.Created, packets, untracked)
			}
			all += untracked
		})
		t.Logf("%s: %d flows were begun twice, %d packets were untracked", name, rounds*each, all)
	}
}

// The same in a table that is full: each CPU evicts a flow for the one that it begins,
// and empties a slot that the other one may have seen used. So both take different slots,
// which happens hardly ever otherwise.
func TestFlowsBegunTwiceInFullTable(t *testing.T) {
	const room, each = 16, 1 << 12
	// Of flows of one age any may be evicted, where a bucket is full.
	r := raceOf(t, newHarnessAsIs(t, setup{MaxFlows: room}))
	r.prepare = func() {
		for i := range r.config.TimeoutTicks {
			r.config.TimeoutTicks[i] = 1 << 40
		}
		r.configure()
	}
	for name, c := range twice() {
		if name == "UDP, both directions" {
			continue // they are answered, and not evicted
		}
		// A flow lasts until both of its packets have come.
		c.lead = room / 4
		var all uint64
		rounds := r.until(longer(5_000, 200_000), each, c, func(counted ConntrackCpuStats) {
			untracked := counted.Untracked[ConntrackUntrackedUNTRACKED_TABLE]
			if lost := each - int(counted.Created); lost < 0 || lost > int(untracked/2) || untracked > each/100 || r.count() != each-lost-ended(counted) {
				t.Fatalf("%s: %d flows of %d were created, %d ended, %d are there; %d packets were untracked",
					name, counted.Created, each, ended(counted), r.count(), untracked)
			}
			all += untracked
		})
		t.Logf("%s: %d flows were begun twice, %d packets were untracked", name, rounds*each, all)
	}
}

// twice are packets that begin a flow by both sides.
func twice() map[string]course {
	opened := frame.Segment{Flags: frame.SYN, Seq: 1000, Sport: 5, Dport: 6}
	answered := frame.Segment{Flags: frame.SYN, Seq: 5000, Sport: 6, Dport: 5}
	datagram, syn := udpFrame(client4, server4, 5, 6, 60).Bytes(), tcpFrame(client4, server4, opened)
	oneWay, bothWays := [2]int16{there, there}, [2]int16{there, back}
	return map[string]course{
		"UDP, one direction":   {frames: [2][]byte{datagram, datagram}, offsets: oneWay},
		"UDP, both directions": {frames: [2][]byte{datagram, udpFrame(server4, client4, 6, 5, 60).Bytes()}, offsets: bothWays},
		"SYN, one direction":   {frames: [2][]byte{syn, syn}, offsets: oneWay},
		"SYN, both directions": {frames: [2][]byte{syn, tcpFrame(server4, client4, answered)}, offsets: bothWays},
	}
}

// packets returns how many packets were counted for the flows that are there.
func (h *harness) packets() (n uint64) {
	h.memory.Each(func(f *ConntrackFlow) { n += f.Origin.Packets + f.Reply.Packets })
	return n
}

// Few places, and many more flows that come by on all CPUs, are answered, deleted and
// swept: packets hold entries that were given to other flows meanwhile. No place is
// lost, no flow is there twice, and each one that ended had begun.
func TestPlacesAreReused(t *testing.T) {
	const room, keys, each = 16, 64, 30_000
	h := newHarness(t, setup{MaxFlows: room})
	var frames [][]byte
	for port := range uint16(keys) {
		frames = append(frames, udpFrame(client4, server4, port+1, 2, 30).Bytes(), udpFrame(server4, client4, 2, port+1, 30).Bytes(),
			tcpFrame(aside[0], aside[1], frame.Segment{Flags: frame.SYN, Seq: 1000, Sport: port + 1, Dport: 443}),
			tcpFrame(aside[0], aside[1], frame.Segment{Flags: frame.RST, Seq: 1001, Sport: port + 1, Dport: 443}))
	}
	for _, by := range hooks {
		h.reset()
		before := h.counters()
		var stop atomic.Bool
		var asking sync.WaitGroup
		asking.Go(func() { h.deleteAll(&stop) })
		together(t, func(cpu int) {
			random := rand.New(rand.NewPCG(uint64(cpu), 5))
			for range each {
				if _, err := h.program(by).Run(&ebpf.RunOptions{Data: frames[random.IntN(len(frames))]}); err != nil {
					t.Error(err)
					return
				}
			}
		})
		stop.Store(true)
		asking.Wait()
		h.checkTable()
		h.sumsHold(before)
		begun := map[uint64]bool{}
		counted, unknown := h.since(before), 0
		for _, e := range h.drain() {
			if ConntrackEventType(e.Type) == ConntrackEventTypeEVENT_NEW {
				begun[e.Id] = true
			} else if !begun[e.Id] {
				unknown++
			}
		}
		if counted.EventsLost == 0 && unknown > 0 {
			t.Logf("%s: %d events came before the one that tells of their flow", by, unknown)
		}
		t.Logf("%s: %d flows in %d places, %d deleted, %d evicted", by, counted.Created, room,
			counted.Destroyed[ConntrackReasonREASON_DELETED], counted.Destroyed[ConntrackReasonREASON_EVICTED])
	}
}

// deleteAll has flows deleted that are in the table, and sweeps, until it is to stop.
func (h *harness) deleteAll(stop *atomic.Bool) {
	for !stop.Load() {
		for _, f := range h.entries() {
			args := ConntrackRequestArgs{Key: f.Key, Id: f.Id, Request: ConntrackFlowRequestREQUEST_DELETE}
			if _, err := h.Request.Run(&ebpf.RunOptions{Context: args}); err != nil {
				h.t.Error(err)
				return
			}
		}
		for args := (ConntrackSweepArgs{Part: 1}); args.Part != 0; {
			if _, err := h.Sweep.Run(&ebpf.RunOptions{Context: args, ContextOut: &args}); err != nil {
				h.t.Error(err)
				return
			}
		}
	}
}

// A packet interrupts, on its own CPU, whoever ends its flow: the flow has no state any
// more, and its slot still leads to it. The packet begins another one at once, and who
// was interrupted goes on. The packet leaves that slot as it is: on another CPU it could
// have been given to a third flow of the key meanwhile, which looks the same.
func TestEndIsInterrupted(t *testing.T) {
	h := newHarness(t, setup{})
	for _, by := range hooks {
		for name, data := range map[string][]byte{
			"UDP": udpFrame(client4, server4, 5, 6, 60).Bytes(),
			"SYN": tcpFrame(client4, server4, frame.Segment{Flags: frame.SYN, Seq: 1000, Sport: 5, Dport: 6}),
		} {
			h.reset()
			h.expect(by, data, "new")
			old := h.entries()[0]
			h.editSlot(&old, func(entry *ConntrackFlow, _ *uint64) { entry.Control &^= 0x3f })
			h.expect(by, data, "new")
			if all := h.entries(); len(all) != 1 || all[0].Id == old.Id || all[0].Slot == old.Slot {
				t.Errorf("%s, %s: %+v, it was %+v", by, name, all, old)
			}
			h.run(by, data)
			if slot, n := *h.memory.slot(&old), h.count(); slot != old.Slot || n != 1 {
				t.Errorf("%s, %s: the slot is %#x, it was %#x; %d flows", by, name, slot, old.Slot, n)
			}
			h.editSlot(&old, func(_ *ConntrackFlow, slot *uint64) { *slot = 0 })
			h.run(by, data)
			if n := h.count(); n != 1 {
				t.Errorf("%s, %s: %d flows once the old one has left", by, name, n)
			}
		}
	}
}

// What a packet finds that is half done by another CPU: a flow of its key that is about
// to be in force. One in an earlier slot goes before it, one in a later slot does not.
func TestDrafts(t *testing.T) {
	h := newHarness(t, setup{})
	data := udpFrame(client4, server4, 5, 6, 60).Bytes()
	for _, by := range hooks {
		h.reset()
		h.expect(by, data, "new")
		draft := h.entries()[0]
		h.editSlot(&draft, func(entry *ConntrackFlow, slot *uint64) {
			entry.Control = 0
			*slot &^= 1
		})
		h.expect(by, data, "untracked")
		h.expectFlows(0)
		// The other one has given way.
		h.editSlot(&draft, func(_ *ConntrackFlow, slot *uint64) { *slot = 0 })
		h.expect(by, data, "new")
		h.expectFlows(1)
	}
}

// editSlot changes a flow's entry and its slot.
func (h *harness) editSlot(f *ConntrackFlow, edit func(*ConntrackFlow, *uint64)) {
	edit(&h.memory.flows[f.Slot>>32], h.memory.slot(f))
}
