package kernel

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"ctop/tracker/flow"
)

// statsSwitch says whether the kernel counts the runs of programs.
const statsSwitch = "/proc/sys/kernel/bpf_stats_enabled"

// Inventory describes the programs and maps.
func (k *Objects) Inventory() (flow.Inventory, error) {
	var v flow.Inventory
	text, _ := os.ReadFile(statsSwitch) // without it, none are counted
	v.Counted = strings.TrimSpace(string(text)) == "1"
	for name, p := range k.programs() {
		if *p == nil {
			continue
		}
		one, err := describeProgram(*p)
		if err != nil {
			return v, fmt.Errorf("describe the program %s: %w", name, err)
		}
		one.Name = name
		v.Programs = append(v.Programs, one)
	}
	for name, m := range k.maps() {
		if *m == nil {
			continue
		}
		one, err := describeMap(*m)
		if err != nil {
			return v, fmt.Errorf("describe the map %s: %w", name, err)
		}
		one.Name = name
		v.Maps = append(v.Maps, one)
	}
	slices.SortFunc(v.Programs, func(a, b flow.Program) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(v.Maps, func(a, b flow.Map) int { return cmp.Compare(a.ID, b.ID) })
	return v, nil
}

// describeProgram returns what the kernel says of a program. Older kernels leave out some.
func describeProgram(p *ebpf.Program) (flow.Program, error) {
	info, err := p.Info()
	if err != nil {
		return flow.Program{}, err
	}
	d := flow.Program{Type: strings.ToLower(info.Type.String())}
	if id, ok := info.ID(); ok {
		d.ID = uint32(id)
	}
	if stats, err := p.Stats(); err == nil {
		d.Runs, d.RunTime = stats.RunCount, stats.Runtime
	}
	if size, err := info.TranslatedSize(); err == nil {
		d.Translated = size
	}
	if size, err := info.JitedSize(); err == nil {
		d.Compiled = size
	}
	if n, ok := info.VerifiedInstructions(); ok {
		d.Verified = n
	}
	return d, nil
}

func describeMap(m *ebpf.Map) (flow.Map, error) {
	info, err := m.Info()
	if err != nil {
		return flow.Map{}, err
	}
	d := flow.Map{
		Type:    strings.ToLower(info.Type.String()),
		KeySize: info.KeySize, ValueSize: info.ValueSize, MaxEntries: info.MaxEntries,
	}
	if id, ok := info.ID(); ok {
		d.ID = uint32(id)
	}
	if size, ok := info.Memlock(); ok {
		d.Memory = size
	}
	return d, nil
}
