package kernel

import (
	"testing"

	"ctop/tracker/flow"
)

// The inventory has every program and map once, by ID, with the kernel's own figures.
func TestInventory(t *testing.T) {
	k, _, _, _ := injected(t)
	v, err := k.Inventory()
	must(t, err)
	if len(v.Programs) < 5 || len(v.Maps) < 5 {
		t.Fatalf("%d programs and %d maps", len(v.Programs), len(v.Maps))
	}
	programs, mapsOfAll := k.programs(), k.maps()
	var before uint32
	for _, p := range v.Programs {
		info, err := (*programs[p.Name]).Info()
		must(t, err)
		id, _ := info.ID()
		size, _ := info.TranslatedSize()
		compiled, _ := info.JitedSize()
		verified, _ := info.VerifiedInstructions()
		want := flow.Program{Name: p.Name, ID: uint32(id), Type: p.Type, Translated: size, Compiled: compiled, Verified: verified, Runs: p.Runs, RunTime: p.RunTime}
		if p != want || p.ID <= before || p.Type == "" || p.Translated == 0 {
			t.Errorf("after program %d: %+v, want %+v", before, p, want)
		}
		before = p.ID
	}
	before = 0
	for _, m := range v.Maps {
		info, err := (*mapsOfAll[m.Name]).Info()
		must(t, err)
		id, _ := info.ID()
		memory, _ := info.Memlock()
		want := flow.Map{
			Name: m.Name, ID: uint32(id), Type: m.Type, KeySize: info.KeySize, ValueSize: info.ValueSize, MaxEntries: info.MaxEntries, Memory: memory,
		}
		if m != want || m.ID <= before || m.Type == "" {
			t.Errorf("after map %d: %+v, want %+v", before, m, want)
		}
		before = m.ID
	}
	for name, p := range programs {
		if *p != nil {
			_ = (*p).Close()
			*p = nil
			if v, err := k.Inventory(); err != nil || len(v.Programs) >= len(programs) {
				t.Errorf("without %s: %d programs, %v", name, len(v.Programs), err)
			}
			break
		}
	}
}
