package ringbuf

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"ctop/internal/lab"
)

// record is what the tests send, with any number and CPU.
type record struct {
	Number uint64
	CPU    uint32
	Pad    uint32
}

const recordSize = 16

func sequenceOf(r *record) (cpu uint32, number uint64) { return r.CPU, r.Number }

// Flags of bpf_ringbuf_output.
const (
	wakeup   = 0
	noWakeup = 1
)

// producer writes records into a ring buffer from the kernel.
type producer struct {
	t    testing.TB
	ring *ebpf.Map
	// write sends records of the right size.
	write *ebpf.Program
}

func newProducer(t testing.TB, ringSize uint32, flags int32) *producer {
	t.Helper()
	lab.Require(t)
	ring, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: ringSize})
	ok(t, err)
	t.Cleanup(func() { _ = ring.Close() })
	p := &producer{t: t, ring: ring}
	p.write = p.program(p.output(recordSize, flags))
	return p
}

// output returns instructions that write a record of a size. The record begins with the
// context.
func (p *producer) output(size int16, flags int32) asm.Instructions {
	ins := asm.Instructions{asm.Mov.Imm(asm.R0, 0)}
	for at := int16(0); at < (size+7)/8*8; at += 8 {
		value := asm.R0
		if at < recordSize {
			ins = append(ins, asm.LoadMem(asm.R6, asm.R1, at, asm.DWord))
			value = asm.R6
		}
		ins = append(ins, asm.StoreMem(asm.RFP, at-(size+7)/8*8, value, asm.DWord))
	}
	return append(ins,
		asm.LoadMapPtr(asm.R1, p.ring.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -int32((size+7)/8*8)),
		asm.Mov.Imm(asm.R3, int32(size)),
		asm.Mov.Imm(asm.R4, flags),
		asm.FnRingbufOutput.Call(),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	)
}

// discard returns instructions that reserve a record and discard it.
func (p *producer) discard() asm.Instructions {
	return asm.Instructions{
		asm.LoadMapPtr(asm.R1, p.ring.FD()),
		asm.Mov.Imm(asm.R2, recordSize),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(),
		asm.JEq.Imm(asm.R0, 0, "full"),
		asm.Mov.Reg(asm.R1, asm.R0),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRingbufDiscard.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("full"),
		asm.Return(),
	}
}

func (p *producer) program(ins asm.Instructions) *ebpf.Program {
	p.t.Helper()
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Syscall, Flags: 1 << 4, // BPF_F_SLEEPABLE
		License: "GPL", Instructions: ins,
	})
	ok(p.t, err)
	p.t.Cleanup(func() { _ = program.Close() })
	return program
}

// send runs a program that writes one record.
func (p *producer) send(by *ebpf.Program, cpu uint32, number uint64) {
	p.t.Helper()
	_, err := by.Run(&ebpf.RunOptions{Context: record{Number: number, CPU: cpu}})
	ok(p.t, err)
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
