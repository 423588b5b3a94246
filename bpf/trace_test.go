package bpf

import (
	"testing"

	"github.com/cilium/ebpf"
)

// asks counts how often a loaded program refers to a map.
func asks(t *testing.T, p *ebpf.Program, m *ebpf.Map) (n int) {
	t.Helper()
	info, err := m.Info()
	ok(t, err)
	id, known := info.ID()
	if !known {
		t.Fatal("the kernel gives maps no ids")
	}
	loaded, err := p.Info()
	ok(t, err)
	all, err := loaded.Instructions()
	ok(t, err)
	for _, i := range all {
		if i.IsLoadFromMap() && uint32(i.Constant) == uint32(id) {
			n++
		}
	}
	return n
}

// Tracing costs nothing when it is off: the verifier removes it from the programs.
func TestTracingIsGone(t *testing.T) {
	for _, on := range []bool{false, true} {
		h := newHarness(t, setup{Tracing: on})
		for _, p := range []*ebpf.Program{h.CtopXdp, h.CtopTc} {
			if n := asks(t, p, h.Traces); n != 0 != on {
				t.Errorf("tracing is %t, and %s takes its ring buffer %d times", on, p, n)
			}
		}
	}
}
