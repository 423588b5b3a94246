package bpf

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// What Linux 6.1 permits a function with those that it calls. It rounds each frame up to
// 32 bytes, where newer kernels round to 16.
const (
	mostStack  = 512
	stackRound = 32
)

// TestStack adds up the stack of every chain of calls as Linux 6.1 does, which counts the
// calls that constants remove, too. The kernel that runs this test may permit more.
func TestStack(t *testing.T) {
	for _, load := range []func() (*ebpf.CollectionSpec, error){LoadConntrack, LoadWho} {
		spec, err := load()
		ok(t, err)
		for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
			functions := framesOf(spec.Programs[name].Instructions)
			chain, stack := deepest(functions, name)
			t.Logf("%s: %d bytes", name, stack)
			if stack > mostStack {
				t.Errorf("%s takes %d bytes of stack, not %d at most: %s", name, stack, mostStack, describe(functions, chain))
			}
		}
	}
}

// stackFrame is what a function takes of the stack, and the functions that it calls.
type stackFrame struct {
	size  int
	calls []string
}

// framesOf returns the frames of a program's functions, by their names.
func framesOf(program asm.Instructions) map[string]*stackFrame {
	frames := map[string]*stackFrame{}
	var f *stackFrame
	var pointers map[asm.Register]int // into the frame, as long as the code goes straight on
	for i := range program {
		ins := &program[i]
		if btf.FuncMetadata(ins) != nil {
			f = &stackFrame{size: stackRound}
			frames[ins.Symbol()] = f
			pointers = map[asm.Register]int{}
		}
		pointers[asm.RFP] = 0
		if ins.IsFunctionReference() {
			f.calls = append(f.calls, ins.Reference())
		}
		if below := -lowest(ins, pointers); below > f.size {
			f.size = (below + stackRound - 1) / stackRound * stackRound
		}
	}
	return frames
}

// lowest returns the lowest place in the frame that an instruction uses or points to, and
// follows the registers that point there.
func lowest(ins *asm.Instruction, pointers map[asm.Register]int) int {
	from, copies := pointers[ins.Src]
	to, points := pointers[ins.Dst]
	switch op := ins.OpCode; {
	case op.Class().IsStore() && points:
		return to + int(ins.Offset)
	case op.Class().IsStore():
		return 0
	case op.Class() == asm.ALU64Class && op.ALUOp() == asm.Mov && op.Source() == asm.RegSource && copies:
		pointers[ins.Dst] = from
		return from
	case op.Class() == asm.ALU64Class && op.ALUOp() == asm.Add && op.Source() == asm.ImmSource && points:
		pointers[ins.Dst] = to + int(ins.Constant)
		return to + int(ins.Constant)
	case op.Class().IsLoad(), op.Class().IsALU():
		delete(pointers, ins.Dst)
		if op.Class() == asm.LdXClass && copies {
			return from + int(ins.Offset)
		}
	}
	return 0
}

// deepest returns the chain of calls from a function on that takes the most.
func deepest(frames map[string]*stackFrame, name string) (chain []string, size int) {
	for _, call := range frames[name].calls {
		if further, n := deepest(frames, call); n > size {
			chain, size = further, n
		}
	}
	return append([]string{name}, chain...), size + frames[name].size
}

// describe writes a chain of calls with the sizes of their frames.
func describe(frames map[string]*stackFrame, chain []string) string {
	var said []string
	for _, name := range chain {
		said = append(said, fmt.Sprintf("%s %d", name, frames[name].size))
	}
	return strings.Join(said, ", ")
}
