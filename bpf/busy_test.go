package bpf

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// injectBusy puts the error for a bucket in use in the place of the first calls
// by which flow_create enters a flow: nothing else brings one about at will. Each
// of them is the code of another kernel.
func (s setup) injectBusy(spec *ebpf.CollectionSpec) {
	codes := []unix.Errno{unix.EDEADLK, unix.EBUSY}
	for _, program := range spec.Programs {
		left, inside := s.busyInserts, false
		for i := range program.Instructions {
			ins := &program.Instructions[i]
			if name := ins.Symbol(); name != "" {
				inside = name == "flow_create"
			}
			if inside && left > 0 && ins.IsBuiltinCall() && asm.BuiltinFunc(ins.Constant) == asm.FnMapUpdateElem {
				left--
				*ins = asm.Mov.Imm(asm.R0, -int32(codes[left])).WithMetadata(ins.Metadata)
			}
		}
	}
}

// A bucket that is in use when a flow is to be entered is tried once more. Where
// it is in use again the packet passes untracked and is counted, apart from those
// that find the table full, and nobody is evicted for it.
func TestBucketBusy(t *testing.T) {
	for _, c := range []struct {
		inserts int
		verdict string
		busy    uint64
	}{{0, "new", 0}, {1, "new", 0}, {2, "untracked", 1}} {
		h := newHarness(t, setup{maxFlows: 16, busyInserts: c.inserts})
		for _, by := range hooks {
			h.reset()
			before := h.counters()
			h.expect(by, synFrame(client4, server4).Bytes(), c.verdict)
			counted := h.since(before)
			if counted.TableBusy != c.busy || counted.TableFull != 0 || counted.Created != 1-c.busy || eventsMade(counted) != 1-c.busy {
				t.Errorf("%s, %d times in use: %+v", by, c.inserts, counted)
			}
			h.expectFlows(int(1 - c.busy))
		}
	}
}
