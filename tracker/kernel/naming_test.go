package kernel

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"ctop/internal/lab"
)

// fastPath returns the operations of a loaded program's main function that it can come by
// without a call of a function named tc_parse, which all but established packets pass.
func fastPath(t *testing.T, p *ebpf.Program) []asm.OpCode {
	t.Helper()
	info, err := p.Info()
	if err != nil {
		t.Fatal(err)
	}
	list, err := info.Instructions()
	if err != nil {
		t.Fatal(err)
	}
	functions, err := info.FuncInfos()
	if err != nil {
		t.Fatal(err)
	}
	// Jumps count in units of 8 bytes, of which some instructions take two.
	at, place := map[int]int{}, make([]int, len(list))
	raw, end := 0, len(list)
	for i, ins := range list {
		at[raw], place[i] = i, raw
		raw += int(ins.Size() / asm.InstructionSize)
	}
	names := map[int]string{}
	for _, f := range functions {
		i := at[int(f.Offset)]
		if names[i] = f.Func.Name; i > 0 {
			end = min(end, i)
		}
	}
	reached := make([]bool, end)
	for todo := []int{0}; len(todo) > 0; {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if i >= end || reached[i] {
			continue
		}
		reached[i] = true
		ins := list[i]
		op := ins.OpCode.JumpOp()
		switch {
		case ins.IsFunctionCall() && called(list, names, at, place, i) == "tc_parse":
			continue
		case op == asm.Exit:
			continue
		case ins.OpCode.Class().IsJump() && op != asm.Call && op != asm.InvalidJumpOp:
			offset := int(ins.Offset)
			if ins.OpCode.Class() == asm.Jump32Class && op == asm.Ja {
				offset = int(ins.Constant)
			}
			if target, ok := at[place[i]+1+offset]; ok {
				todo = append(todo, target)
			} else {
				t.Fatalf("instruction %d jumps nowhere: %v", i, ins)
			}
			if op == asm.Ja {
				continue
			}
		}
		todo = append(todo, i+1)
	}
	var path []asm.OpCode
	for i := range end {
		if reached[i] {
			path = append(path, list[i].OpCode)
		}
	}
	return path
}

// called returns the name of the function that instruction i calls.
func called(list asm.Instructions, names map[int]string, at map[int]int, place []int, i int) string {
	return names[at[place[i]+1+int(list[i].Offset)]]
}

// An established packet of a watched interface executes the same instructions whether
// processes are looked for or not.
func TestNamingIsFree(t *testing.T) {
	lab.Require(t)
	var paths [2][]asm.OpCode
	for i, naming := range []bool{false, true} {
		k, err := Load(Options{MaxFlows: 1024, Watch: true, Naming: naming})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		for _, p := range []*ebpf.Program{k.in, k.out} {
			paths[i] = append(paths[i], fastPath(t, p)...)
		}
	}
	if len(paths[0]) < 200 {
		t.Fatalf("the fast path has %d instructions: it was not found", len(paths[0]))
	}
	if len(paths[0]) != len(paths[1]) {
		t.Fatalf("the fast path has %d instructions, and %d where processes are looked for", len(paths[0]), len(paths[1]))
	}
	for i := range paths[0] {
		if paths[0][i] != paths[1][i] {
			t.Fatalf("instruction %d of the fast path is %v, and %v where processes are looked for", i, paths[0][i], paths[1][i])
		}
	}
	t.Logf("%d instructions", len(paths[0]))
}
