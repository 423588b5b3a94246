package kernel

import (
	"testing"

	"github.com/cilium/ebpf"

	"ctop/internal/lab"
)

// mostPerFlow is what docs/performance.md says that a flow takes in the kernel.
const mostPerFlow = 296

// TestKernelMemory holds the maps to the memory that is stated for each flow that
// they have room for. All of it is taken when a tracker is attached: a full
// table takes no more than an empty one.
func TestKernelMemory(t *testing.T) {
	lab.Require(t)
	small, large := mapMemory(t, 1<<16), mapMemory(t, 1<<17)
	perFlow := float64(large-small) / (1 << 16)
	t.Logf("%.1f bytes for each flow, %d kB besides", perFlow, (int64(small)-int64(perFlow*(1<<16)))>>10)
	if perFlow > mostPerFlow {
		t.Errorf("room for a flow takes %.1f bytes, more than the %d that are stated", perFlow, mostPerFlow)
	}
}

// mapMemory returns what the kernel says that all maps of a tracker take.
func mapMemory(t *testing.T, maxFlows int) (sum uint64) {
	t.Helper()
	objects, err := Load(Options{MaxFlows: maxFlows})
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	seen := map[ebpf.MapID]bool{}
	for _, program := range objects.programs() {
		if *program == nil {
			continue
		}
		info, err := (*program).Info()
		if err != nil {
			t.Fatal(err)
		}
		ids, _ := info.MapIDs()
		for _, id := range ids {
			if !seen[id] {
				seen[id] = true
				sum += memoryOf(t, id)
			}
		}
	}
	return sum
}

// memoryOf returns what one map takes.
func memoryOf(t *testing.T, id ebpf.MapID) uint64 {
	t.Helper()
	m, err := ebpf.NewMapFromID(id)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	info, err := m.Info()
	if err != nil {
		t.Fatal(err)
	}
	took, known := info.Memlock()
	if !known {
		t.Skip("the kernel does not say what maps take")
	}
	if took >= 1<<20 {
		t.Logf("%s: %.1f MB", info.Name, float64(took)/(1<<20))
	}
	return took
}
