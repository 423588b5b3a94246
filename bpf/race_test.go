package bpf

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

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
			if slot == 0 {
				continue
			}
			f := &flows[slot>>32]
			if inSlots[slot>>32] || f.Ended() || f.Slot != slot || int(f.Place) != b*bucketSlots+i {
				h.t.Fatalf("slot %d of bucket %d is %#x, its flow %+v", i, b, slot, f)
			}
			if keys[f.Key] {
				h.t.Fatalf("two flows of key %+v", f.Key)
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

// gate loads a program that waits until the program on another CPU has come there, too.
// Then both write one address into their frames, at an offset of their own, and run the
// program under test: the same flow at the same moment, another one each time.
func gate(t *testing.T, arrivals *ebpf.Map, subject *ebpf.Map, offset int16) *ebpf.Program {
	t.Helper()
	const patience = 4000 // looks: the verifier follows each
	arrive := asm.FetchAdd.Mem(asm.R7, asm.R8, asm.DWord, 0)
	arrive.Constant = 1 // BPF_FETCH, which cilium/ebpf v0.22 leaves out
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.XDP, AttachType: ebpf.AttachXDP, Flags: unix.BPF_F_XDP_HAS_FRAGS, License: "GPL",
		Instructions: asm.Instructions{
			asm.Mov.Reg(asm.R6, asm.R1),
			asm.StoreImm(asm.RFP, -4, 0, asm.Word),
			asm.LoadMapPtr(asm.R1, arrivals.FD()),
			asm.Mov.Reg(asm.R2, asm.RFP),
			asm.Add.Imm(asm.R2, -4),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, "abort"),
			asm.Mov.Reg(asm.R7, asm.R0),
			asm.Mov.Imm(asm.R8, 1),
			arrive,
			asm.RSh.Imm(asm.R8, 1),
			asm.Mov.Reg(asm.R9, asm.R8),
			asm.Add.Imm(asm.R9, 1),
			asm.LSh.Imm(asm.R9, 1),
			asm.Mov.Imm(asm.R3, 0),
			asm.LoadMem(asm.R2, asm.R7, 0, asm.DWord).WithSymbol("look"),
			asm.JGE.Reg(asm.R2, asm.R9, "both"),
			asm.Add.Imm(asm.R3, 1),
			asm.JLT.Imm(asm.R3, patience, "look"),
			asm.LoadMem(asm.R2, asm.R6, 0, asm.Word).WithSymbol("both"),
			asm.LoadMem(asm.R3, asm.R6, 4, asm.Word),
			asm.Mov.Reg(asm.R4, asm.R2),
			asm.Add.Imm(asm.R4, 34),
			asm.JGT.Reg(asm.R4, asm.R3, "abort"),
			asm.StoreMem(asm.R2, offset, asm.R8, asm.Word),
			asm.Mov.Reg(asm.R1, asm.R6),
			asm.LoadMapPtr(asm.R2, subject.FD()),
			asm.Mov.Imm(asm.R3, 0),
			asm.FnTailCall.Call(),
			asm.Mov.Imm(asm.R0, 0).WithSymbol("abort"),
			asm.Return(),
		},
	})
	ok(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// Where the addresses of IPv4 lie in a frame.
const (
	sourceOffset      = frame.HeaderSize + 12
	destinationOffset = frame.HeaderSize + 16
)

// race has two CPUs begin the same flows at the same moment.
type race struct {
	*harness
	t        *testing.T
	cpus     []int
	arrivals *ebpf.Map
	// there writes the address that tells flows apart into a packet's source, back
	// into its destination.
	there, back *ebpf.Program
	// prepare fills the empty table; nil leaves it empty.
	prepare func()
}

func newRace(t *testing.T, s setup) *race {
	t.Helper()
	r := &race{harness: newHarness(t, s), t: t, cpus: someCPUs(t, 2)}
	if len(r.cpus) < 2 {
		t.Skip("this machine has one CPU only: nothing happens at once")
	}
	var err error
	r.arrivals, err = ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	ok(t, err)
	subject, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	ok(t, err)
	t.Cleanup(func() {
		_ = r.arrivals.Close()
		_ = subject.Close()
	})
	r.there, r.back = gate(t, r.arrivals, subject, sourceOffset), gate(t, r.arrivals, subject, destinationOffset)
	ok(t, subject.Put(uint32(0), uint32(r.CtopXdp.FD())))
	return r
}

// run sends so many packets on each CPU.
func (r *race) run(each uint32, second *ebpf.Program, frames [2][]byte) ConntrackCpuStats {
	r.t.Helper()
	r.reset()
	if r.prepare != nil {
		r.prepare()
	}
	ok(r.t, r.arrivals.Put(uint32(0), uint64(0)))
	before := r.counters()
	var both sync.WaitGroup
	for i, p := range []*ebpf.Program{r.there, second} {
		both.Go(func() {
			defer onCPU(r.t, r.cpus[i])()
			if _, err := p.Run(&ebpf.RunOptions{Data: frames[i], Repeat: each}); err != nil {
				r.t.Error(err)
			}
		})
	}
	both.Wait()
	r.checkTable()
	return r.since(before)
}

// Two CPUs begin the same flows at the same moment, a million times, by packets of one
// direction or of both. There is one flow each time, and every packet is counted for it,
// or told to be untracked.
func TestFlowsBegunTwice(t *testing.T) {
	const each, rounds = 1 << 15, 8
	r := newRace(t, setup{MaxFlows: 2 * each})
	opened := frame.Segment{Flags: frame.SYN, Seq: 1000, Sport: 5, Dport: 6}
	answered := frame.Segment{Flags: frame.SYN, Seq: 5000, Sport: 6, Dport: 5}
	datagram, syn := udpFrame(client4, server4, 5, 6, 60).Bytes(), tcpFrame(client4, server4, opened)
	for name, c := range map[string]struct {
		second *ebpf.Program
		frames [2][]byte
	}{
		"UDP, one direction":   {r.there, [2][]byte{datagram, datagram}},
		"UDP, both directions": {r.back, [2][]byte{datagram, udpFrame(server4, client4, 6, 5, 60).Bytes()}},
		"SYN, one direction":   {r.there, [2][]byte{syn, syn}},
		"SYN, both directions": {r.back, [2][]byte{syn, tcpFrame(server4, client4, answered)}},
	} {
		var all uint64
		for range rounds {
			counted := r.run(each, c.second, c.frames)
			present, packets := 0, uint64(0)
			for _, f := range r.entries() {
				present++
				packets += f.Dir[0].Packets + f.Dir[1].Packets
			}
			untracked := counted.Untracked[ConntrackUntrackedUNTRACKED_TABLE]
			if present != each || counted.Created != each || packets+untracked != 2*each {
				t.Fatalf("%s: %d flows of %d, %d created; %d packets were counted, %d untracked", name, present, each, counted.Created, packets, untracked)
			}
			all += untracked
		}
		t.Logf("%s: %d flows were begun twice, %d packets were untracked", name, rounds*each, all)
	}
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
			if e.Type == ConntrackEventTypeEVENT_NEW {
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
		if _, err := h.Sweep.Run(&ebpf.RunOptions{Context: ConntrackSweepArgs{}}); err != nil {
			h.t.Error(err)
			return
		}
	}
}

// A packet interrupts, on its own CPU, whoever ends its flow: the flow has no state any
// more, and its slot still leads to it. The packet begins another one at once, and who
// was interrupted goes on.
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
			h.editSlot(&old, func(entry *ConntrackFlow, _ *uint64) { entry.Control &^= 0xff })
			h.expect(by, data, "new")
			if all := h.entries(); len(all) != 1 || all[0].Id == old.Id || all[0].Slot == old.Slot {
				t.Errorf("%s, %s: %+v, it was %+v", by, name, all, old)
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
	h.t.Helper()
	edit(&h.memory.flows[f.Slot>>32], h.memory.slot(f))
}
