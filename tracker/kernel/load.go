package kernel

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
)

// Most of the time of loading is the kernel's verifier, which checks one program after the
// other for one caller. So the programs are loaded by two.

// loadMaps makes the maps.
func loadMaps(spec *ebpf.CollectionSpec) (*ebpf.Collection, error) {
	only := spec.Copy()
	only.Programs = nil
	coll, err := ebpf.NewCollection(only)
	if err != nil {
		return nil, explainLoad(err)
	}
	return coll, nil
}

func explainLoad(err error) error {
	return ExplainPermission("load BPF programs", explainMemory(fmt.Errorf("load BPF programs: %w", err)))
}

// loadPrograms loads the programs with the maps of a collection, and adds them to it. The
// two that see packets are the largest by far.
func loadPrograms(spec *ebpf.CollectionSpec, coll *ebpf.Collection) error {
	var groups [2]map[string]*ebpf.ProgramSpec
	for i := range groups {
		groups[i] = maps.Clone(spec.Programs)
		maps.DeleteFunc(groups[i], func(name string, _ *ebpf.ProgramSpec) bool {
			return slices.Contains([]string{outProgram, tcProgram}, name) == (i == 0)
		})
	}
	var loaded [len(groups)]*ebpf.Collection
	var failed [len(groups)]error
	var wg sync.WaitGroup
	for i := range groups {
		part := spec.Copy()
		part.Programs, part.Variables = groups[i], nil
		wg.Go(func() {
			loaded[i], failed[i] = ebpf.NewCollectionWithOptions(part, ebpf.CollectionOptions{MapReplacements: coll.Maps})
		})
	}
	wg.Wait()
	var err error
	coll.Programs = map[string]*ebpf.Program{}
	for i, c := range loaded {
		if failed[i] != nil {
			err = explainLoad(failed[i])
			continue
		}
		for name := range c.Programs {
			coll.Programs[name] = c.DetachProgram(name)
		}
		c.Close()
	}
	return err
}
