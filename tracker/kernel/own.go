package kernel

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
)

// IsOwn reports whether a program is a ctop program of any version. It compares
// the program's name and the names of its maps, since the tag differs between
// versions.
func IsOwn(id ebpf.ProgramID) bool {
	p, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return false
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil || !slices.Contains([]string{xdpProgram, tcProgram, inProgram, outProgram}, info.Name) {
		return false
	}
	maps, err := mapsOf(p)
	for _, m := range maps {
		defer m.Close()
	}
	return err == nil && maps[flowsMap] != nil && maps[statsMap] != nil
}

// Has reports whether a program is one of the objects' own that see packets. Unlike
// [IsOwn] it needs no privilege.
func (k *Objects) Has(id ebpf.ProgramID) bool {
	for _, p := range []*ebpf.Program{k.xdp, k.tc, k.in, k.out} {
		if p == nil {
			continue
		}
		if info, err := p.Info(); err == nil {
			if its, ok := info.ID(); ok && its == id {
				return true
			}
		}
	}
	return false
}

// mapsOf opens the maps of a program.
func mapsOf(p *ebpf.Program) (map[string]*ebpf.Map, error) {
	info, err := p.Info()
	if err != nil {
		return nil, fmt.Errorf("inspect the running program: %w", err)
	}
	maps := map[string]*ebpf.Map{}
	ids, _ := info.MapIDs()
	for _, id := range ids {
		m, err := ebpf.NewMapFromID(id)
		if err != nil {
			return nil, fmt.Errorf("open a map of the running program: %w", err)
		}
		info, err := m.Info()
		if err != nil {
			m.Close()
			return nil, fmt.Errorf("inspect a map of the running program: %w", err)
		}
		maps[info.Name] = m
	}
	return maps, nil
}

// ProgramName returns the name of a program, its id where it has none.
func ProgramName(id ebpf.ProgramID) string {
	if p, err := ebpf.NewProgramFromID(id); err == nil {
		defer p.Close()
		if info, err := p.Info(); err == nil && info.Name != "" {
			return info.Name
		}
	}
	return fmt.Sprintf("program %d", id)
}
