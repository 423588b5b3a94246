package e2e

import (
	"errors"
	"net"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

// others are a program at each tcx hook of an interface, and a filter of the clsact qdisc
// in each direction, which count the packets that they see.
type others struct {
	seen  *ebpf.Map
	links []link.Link
	prog  []*ebpf.Program
}

func (o *others) close() {
	for _, l := range o.links {
		_ = l.Close()
	}
	for _, p := range o.prog {
		_ = p.Close()
	}
	_ = o.seen.Close()
}

// counting returns a program that counts in a slot and lets the next one see the packet.
func (o *others) counting(t *testing.T, slot uint32) *ebpf.Program {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.SchedCLS, License: "GPL", Name: "other",
		Instructions: asm.Instructions{
			asm.StoreImm(asm.RFP, -4, int64(slot), asm.Word),
			asm.LoadMapPtr(asm.R1, o.seen.FD()),
			asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -4),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, "end"),
			asm.Mov.Imm(asm.R1, 1), asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
			asm.Mov.Imm(asm.R0, tcxNext).WithSymbol("end"), asm.Return(),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	o.prog = append(o.prog, p)
	return p
}

// attachOthers attaches a program to each tcx hook, before all others or behind them. Where
// the kernel has no tcx they are filters: the last one that has the least number is asked
// first.
func attachOthers(t *testing.T, name string, before bool, slot uint32, o *others) {
	t.Helper()
	iface, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	anchor, priority := link.Tail(), uint16(3)
	if before {
		anchor, priority = link.Head(), 1
	}
	for i, at := range []ebpf.AttachType{ebpf.AttachTCXIngress, ebpf.AttachTCXEgress} {
		program := o.counting(t, slot+uint32(i))
		l, err := link.AttachTCX(link.TCXOptions{Interface: iface.Index, Program: program, Attach: at, Anchor: anchor})
		switch {
		case errors.Is(err, ebpf.ErrNotSupported):
			if err := addFilter(iface.Index, at, program, priority); err != nil {
				t.Fatal(err)
			}
		case err != nil:
			t.Fatal(err)
		default:
			o.links = append(o.links, l)
		}
	}
}

// attachFilters attaches a filter of the clsact qdisc in each direction.
func attachFilters(t *testing.T, name string, slot uint32, o *others) {
	t.Helper()
	iface, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	for i, at := range []ebpf.AttachType{ebpf.AttachTCXIngress, ebpf.AttachTCXEgress} {
		if err := addFilter(iface.Index, at, o.counting(t, slot+uint32(i)), 7); err != nil {
			t.Fatal(err)
		}
	}
}

// counts returns what each of them has seen.
func (o *others) counts(t *testing.T) (seen []uint64) {
	t.Helper()
	for slot := range uint32(o.seen.MaxEntries()) {
		var n uint64
		if err := o.seen.Lookup(slot, &n); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, n)
	}
	return seen
}
