package bpf

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"ctop/internal/frame"
)

// Where the addresses of IPv4 lie in a frame. A gate writes the one that tells flows
// apart into a packet's source, or on its way back into its destination.
const (
	there int16 = frame.HeaderSize + 12
	back  int16 = frame.HeaderSize + 16
)

// gates is what the gates of both sides share, a cache line for each of them.
type gates struct {
	// How many frames came through the gate of each side, and how many of them
	// met the other side's of the same number.
	sides [2]struct {
		passed, met uint64
		_           [14]uint64
	}
	// No more than limit frames pass on each side, nor is a side further ahead of
	// the other than by lead.
	limit, lead uint64
}

// gate loads a program that lets the frames of a side through to the program under test
// one by one, at the same moment as the other side's: it waits a while for that. The
// n-th frame of either side becomes a packet of the n-th flow. How long each of both is
// held back then is tried in all combinations, so that they meet in every way.
func gate(t *testing.T, shared, subject *ebpf.Map, side int, offset int16) *ebpf.Program {
	t.Helper()
	const (
		looks  = 4000 // the verifier follows each
		steps  = 31   // one less than the delays that each side tries
		length = 16   // of a step, in cycles or so
		ipv4   = 0x0008
	)
	lane := func(side int) int16 { return int16(side) * int16(unsafe.Sizeof(gates{}.sides)/2) }
	own, other, met := lane(side), lane(1-side), lane(side)+8
	program := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R2, asm.R6, 0, asm.Word),
		asm.LoadMem(asm.R3, asm.R6, 4, asm.Word),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, frame.HeaderSize+20),
		asm.JGT.Reg(asm.R4, asm.R3, "drop"),
		asm.LoadMem(asm.R4, asm.R2, 12, asm.Half),
		asm.JNE.Imm(asm.R4, ipv4, "drop"),
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, shared.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "drop"),
		asm.Mov.Reg(asm.R7, asm.R0),
		asm.LoadMem(asm.R9, asm.R7, own, asm.DWord),
		asm.LoadMem(asm.R2, asm.R7, int16(unsafe.Offsetof(gates{}.limit)), asm.DWord),
		asm.JGE.Reg(asm.R9, asm.R2, "drop"),
		asm.LoadMem(asm.R3, asm.R7, other, asm.DWord),
		asm.LoadMem(asm.R2, asm.R7, int16(unsafe.Offsetof(gates{}.lead)), asm.DWord),
		asm.Add.Reg(asm.R2, asm.R3),
		asm.JGE.Reg(asm.R9, asm.R2, "drop"),
		asm.Mov.Reg(asm.R8, asm.R9),
		asm.Add.Imm(asm.R8, 1),
		asm.StoreMem(asm.R7, own, asm.R8, asm.DWord),
		asm.Mov.Imm(asm.R3, 0),
		asm.LoadMem(asm.R2, asm.R7, other, asm.DWord).WithSymbol("look"),
		asm.JGE.Reg(asm.R2, asm.R8, "met"),
		asm.Add.Imm(asm.R3, 1),
		asm.JLT.Imm(asm.R3, looks, "look"),
		asm.Ja.Label("pass"),
		asm.LoadMem(asm.R2, asm.R7, met, asm.DWord).WithSymbol("met"),
		asm.Add.Imm(asm.R2, 1),
		asm.StoreMem(asm.R7, met, asm.R2, asm.DWord),
		asm.Mov.Reg(asm.R3, asm.R9),
		asm.RSh.Imm(asm.R3, int32(side*5)),
		asm.And.Imm(asm.R3, steps),
		asm.Mul.Imm(asm.R3, length),
		asm.Mov.Imm(asm.R4, 0),
		asm.JGE.Reg(asm.R4, asm.R3, "pass").WithSymbol("wait"),
		asm.Add.Imm(asm.R4, 1),
		asm.Ja.Label("wait"),
		asm.LoadMem(asm.R2, asm.R6, 0, asm.Word).WithSymbol("pass"),
		asm.LoadMem(asm.R3, asm.R6, 4, asm.Word),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, frame.HeaderSize+20),
		asm.JGT.Reg(asm.R4, asm.R3, "drop"),
		asm.StoreMem(asm.R2, offset, asm.R9, asm.Word),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.LoadMapPtr(asm.R2, subject.FD()),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnTailCall.Call(),
		asm.Mov.Imm(asm.R0, 1).WithSymbol("drop"), // XDP_DROP
		asm.Return(),
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.XDP, AttachType: ebpf.AttachXDP, Flags: unix.BPF_F_XDP_HAS_FRAGS, License: "GPL", Instructions: program,
	})
	ok(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// race has frames of the same flows come in by two links on two CPUs at the same moment.
type race struct {
	*harness
	t      *testing.T
	cpus   []int
	live   *live
	links  [2]link.Link
	gates  [2]map[int16]*ebpf.Program
	shared *gates
	// prepare fills the empty table; nil leaves it empty.
	prepare func()
}

func newRace(t *testing.T, room int) *race {
	t.Helper()
	return raceOf(t, newHarness(t, setup{MaxFlows: room}))
}

func raceOf(t *testing.T, h *harness) *race {
	t.Helper()
	// What is forwarded ends at the loopback interface: the hosts would answer.
	r := &race{harness: h, t: t, cpus: someCPUs(t, 2)}
	if len(r.cpus) < 2 {
		t.Skip("this machine has one CPU only: nothing happens at once")
	}
	r.live = newLive(t)
	shared, err := ebpf.NewMap(&ebpf.MapSpec{
		Type: ebpf.Array, KeySize: 4, ValueSize: uint32(unsafe.Sizeof(gates{})), MaxEntries: 1, Flags: unix.BPF_F_MMAPABLE,
	})
	ok(t, err)
	var memory []gates
	ok(t, mapArray(&memory, shared))
	r.shared = &memory[0]
	subject, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	ok(t, err)
	t.Cleanup(func() {
		_ = unmapArray(memory)
		_ = shared.Close()
		_ = subject.Close()
	})
	ok(t, subject.Put(uint32(0), uint32(r.CtopXdp.FD())))
	for side, port := range r.live.ports {
		r.gates[side] = map[int16]*ebpf.Program{
			there: gate(t, shared, subject, side, there), back: gate(t, shared, subject, side, back),
		}
		r.links[side], err = link.AttachXDP(link.XDPOptions{Program: r.gates[side][there], Interface: port.Index, Flags: link.XDPDriverMode})
		ok(t, err)
		t.Cleanup(func() { _ = r.links[side].Close() })
	}
	return r
}

// course is what comes in by each side: a frame, and where in it the flow is told.
type course struct {
	frames  [2][]byte
	offsets [2]int16
	// lead is how far one side may be ahead of the other. 0 means any distance.
	lead uint64
}

// run sends so many packets from each side.
func (r *race) run(each uint64, c course) ConntrackCpuStats {
	r.t.Helper()
	r.reset()
	if r.prepare != nil {
		r.prepare()
	}
	lead := c.lead
	if lead == 0 {
		lead = each
	}
	*r.shared = gates{limit: each, lead: lead}
	for side, l := range r.links {
		ok(r.t, l.Update(r.gates[side][c.offsets[side]]))
	}
	before := r.counters()
	var both sync.WaitGroup
	for side, data := range c.frames {
		both.Go(func() {
			defer urgently(r.t, r.cpus[side])()
			for passed := &r.shared.sides[side].passed; atomic.LoadUint64(passed) < each; {
				if err := r.live.send(side, data); err != nil {
					r.t.Error(err)
					return
				}
			}
		})
	}
	both.Wait()
	// The last ones have passed the gates, and are perhaps not tracked yet. A packet is counted
	// before the reason for which it is untracked.
	counted := r.since(before)
	all := func() bool {
		reasons := uint64(0)
		for _, n := range counted.Untracked {
			reasons += n
		}
		return verdicts(&counted) >= 2*each && reasons == counted.Verdict[ConntrackVerdictVERDICT_UNTRACKED]
	}
	for end := time.Now().Add(time.Minute); !all() && time.Now().Before(end); counted = r.since(before) {
		time.Sleep(time.Millisecond)
	}
	r.checkTable()
	return counted
}

// until runs a course again and again until frames met so many times in it.
func (r *race) until(meetings, each uint64, c course, check func(ConntrackCpuStats)) (rounds uint64) {
	r.t.Helper()
	for met := uint64(0); met < meetings && !r.t.Failed(); rounds++ {
		check(r.run(each, c))
		met += r.shared.sides[0].met
	}
	return rounds
}
