package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf"

	"ctop/bpf"
)

// tableMaps are what the table of flows consists of. One without the other makes no
// sense.
var tableMaps = []string{flowsMap, fillingMap, hashingSection, "buckets", "free_places", "nursery"}

// Reload loads the programs over the maps that there are. What a program keeps in
// maps that are not pinned goes on as well where it still fits; the table has to.
func (k *Objects) Reload(o Options) (*Objects, error) {
	spec, err := bpf.LoadConntrack()
	if err != nil {
		return nil, fmt.Errorf("read the BPF programs: %w", err)
	}
	if err := specialise(spec, o); err != nil {
		return nil, err
	}
	kept := map[string]*ebpf.Map{
		flowsMap: k.flows, fillingMap: k.filling, statsMap: k.stats, configSection: k.config,
		readersMap: k.readers, outputsMap: k.outputs,
	}
	own, err := mapsOf(k.xdp)
	if err != nil {
		return nil, err
	}
	for name, m := range own {
		defer m.Close()
		s := spec.Maps[name]
		if _, pinned := kept[name]; !pinned && s != nil && fits(name, s, m) {
			kept[name] = m
		}
	}
	for _, name := range tableMaps {
		if kept[name] == nil {
			return nil, fmt.Errorf("%w: its map %s does not fit", ErrLayout, name)
		}
	}
	delete(spec.Programs, unsentProgram)
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: kept})
	if err != nil {
		return nil, fmt.Errorf("load BPF programs over the existing maps: %w", err)
	}
	defer coll.Close()
	programs := new(Objects)
	for name, p := range programs.programs() {
		*p = coll.DetachProgram(name)
	}
	return programs, nil
}

// fits reports whether a map can take the place of one that would be made. Constants
// are each program's own. The loader maps variables, which says nothing of what they
// are.
func fits(name string, s *ebpf.MapSpec, m *ebpf.Map) bool {
	if name == hashingSection {
		return s.ValueSize == m.ValueSize()
	}
	return !strings.HasPrefix(name, ".") && s.Compatible(m) == nil
}

// Replace exchanges the programs with others: those for packets, and with all those
// that user space runs as well.
func (k *Objects) Replace(others *Objects, all bool) {
	names := []string{xdpProgram, tcProgram}
	if all {
		names = append(names, clockProgram, sweepProgram, requestProgram, resetProgram)
	}
	for _, name := range names {
		mine, theirs := k.programs()[name], others.programs()[name]
		*mine, *theirs = *theirs, *mine
	}
}

// XDP returns the program for the XDP hook.
func (k *Objects) XDP() *ebpf.Program { return k.xdp }

// TC returns the program for the tcx hook and for a filter of the clsact qdisc.
func (k *Objects) TC() *ebpf.Program { return k.tc }

// Traced reports whether the programs make a record of every packet.
func (k *Objects) Traced() bool { return k.traces != nil }

// Repin puts the programs in the place of those that are pinned.
func (k *Objects) Repin(dir string) error {
	for name, p := range k.programs() {
		if err := ReplacePin(*p, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// ReplacePin pins something in the place of what is pinned there. There is no
// moment at which nothing is.
func ReplacePin(p interface{ Pin(string) error }, path string) error {
	draft := path + "_new"
	if err := os.Remove(draft); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the rest of %s: %w", path, err)
	}
	if err := p.Pin(draft); err != nil {
		return fmt.Errorf("pin %s: %w", path, err)
	}
	if err := os.Rename(draft, path); err != nil {
		return fmt.Errorf("pin %s: %w", path, err)
	}
	return nil
}
