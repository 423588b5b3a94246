package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"ctop/bpf"
)

// tableMaps are the maps of the flow table. They are only useful together.
var tableMaps = []string{flowsMap, fillingMap, hashingSection, "buckets", "free_places", "nursery"}

// Reload loads this version's programs with the existing maps. It keeps maps
// that are not pinned if they are compatible. It returns ErrLayout if a map of
// the flow table is not.
func (k *Objects) Reload(o Options) (*Objects, error) {
	spec, err := bpf.LoadConntrack()
	if err != nil {
		return nil, fmt.Errorf("read the BPF programs: %w", err)
	}
	if err := specialise(spec, o); err != nil {
		return nil, err
	}
	kept := map[string]*ebpf.Map{
		flowsMap: k.flows, fillingMap: k.filling, ownersMap: k.owners, octetsMap: k.octets,
		statsMap: k.stats, configSection: k.config,
		readersMap: k.readers, outputsMap: k.outputs,
	}
	if k.watched != nil {
		kept[watchedMap] = k.watched
	}
	own, err := mapsOf(k.packetProgram())
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

// fits reports whether an existing map can replace a new one. Sections of
// constants cannot, since each program has its own. The hashing parameters, and which
// captures run, are variables: the loader does not compare those, so fits compares
// their size.
func fits(name string, s *ebpf.MapSpec, m *ebpf.Map) bool {
	if name == hashingSection || name == capturingSection {
		return s.ValueSize == m.ValueSize()
	}
	return !strings.HasPrefix(name, ".") && s.Compatible(m) == nil
}

// Replace swaps the attached programs with those of others. With all, it also
// swaps the programs that user space runs.
func (k *Objects) Replace(others *Objects, all bool) {
	names := []string{xdpProgram, tcProgram, inProgram, outProgram}
	if all {
		names = append(names, clockProgram, sweepProgram, requestProgram, resetProgram, inheritProgram)
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

// WatchIn returns the program for packets that come in by a watched interface.
func (k *Objects) WatchIn() *ebpf.Program { return k.in }

// WatchOut returns the program for packets that go out by one.
func (k *Objects) WatchOut() *ebpf.Program { return k.out }

// Traced reports whether the programs make a record of every packet.
func (k *Objects) Traced() bool { return k.traces != nil }

// Repin replaces the pinned programs.
func (k *Objects) Repin(dir string) error {
	for name, p := range k.programs() {
		if *p == nil {
			continue
		}
		if err := ReplacePin(*p, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// ReplacePin atomically replaces what is pinned at path.
func ReplacePin(p interface{ Pin(string) error }, path string) error {
	draft := path + "_new"
	if err := os.Remove(draft); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the rest of %s: %w", path, err)
	}
	if err := p.Pin(draft); err != nil {
		return fmt.Errorf("pin %s: %w", path, err)
	}
	if err := unix.Rename(draft, path); err != nil { // os.Rename refuses directories, which stand for filters
		return fmt.Errorf("pin %s: %w", path, err)
	}
	return nil
}
