package tracker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"ctop/bpf"
	"ctop/tracker/flow"
)

// upgrade puts this version's programs in the place of those that a tracker of
// another version runs with. The kernel exchanges them between two packets; maps,
// and with them flows, counters and timeouts, stay. Done anew it does no harm, so
// it may be interrupted anywhere.
//
// Once a collector runs, only packets get the new programs: those that it asks
// itself are in use by several goroutines, and do for the rest of its time.
func (t *Tracker) upgrade(running bool) error {
	if t.meta.Programs == bpf.Fingerprint() {
		return nil
	}
	programs, err := t.kernel.reload(loadOptions{
		maxFlows: t.meta.MaxFlows, completeChecksums: t.meta.completesChecksums(), verifyChecksums: t.meta.Checksums,
	})
	if err != nil {
		return err
	}
	defer programs.close()
	for i, m := range t.meta.Interfaces {
		if err := t.exchange(i, m, programs); err != nil {
			return fmt.Errorf("exchange the program of %s: %w", m.Name, err)
		}
	}
	if err := programs.repin(t.dir); err != nil {
		return err
	}
	t.watchRedirects(t.meta.Interfaces[0].Mode)
	t.kernel.replace(programs, xdpProgram, tcProgram)
	if !running {
		t.kernel.replace(programs, clockProgram, sweepProgram, requestProgram)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.meta.Programs = bpf.Fingerprint()
	return t.meta.write(t.kernel.meta)
}

// completesChecksums reports whether the programs have to finish what senders
// leave to hardware. Where an interface is gone they do: it costs little.
func (m *meta) completesChecksums() bool {
	for _, i := range m.Interfaces {
		if i.Mode == flow.ModeTC {
			return false
		}
		l, err := i.link()
		if s := (side{link: l}); err != nil || s.virtual() {
			return true
		}
	}
	return false
}

// replace exchanges some programs with others.
func (k *kernel) replace(others *kernel, names ...string) {
	for _, name := range names {
		mine, theirs := k.programs()[name], others.programs()[name]
		*mine, *theirs = *theirs, *mine
	}
}

// exchange puts programs into one attachment.
func (t *Tracker) exchange(i int, m ifaceMeta, programs *kernel) error {
	if m.hangsInFilter() {
		return replaceFilter(m.Index, programs.tc)
	}
	l, err := link.LoadPinnedLink(filepath.Join(t.dir, linkPins[i]), nil)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	program := programs.xdp
	if m.Mode == flow.ModeTC {
		program = programs.tc
	}
	// An attachment whose interface is gone is made anew when that comes back.
	if err := l.Update(program); err != nil && !errors.Is(err, unix.ENOLINK) {
		return err
	}
	return nil
}

// tableMaps are what the table of flows consists of. One without the other makes no
// sense.
var tableMaps = []string{flowsMap, fillingMap, hashingSection, "buckets", "free_places", "nursery"}

// reload loads the programs over the maps that there are. What a program keeps in
// maps that are not pinned goes on as well where it still fits; the table has to.
func (k *kernel) reload(o loadOptions) (*kernel, error) {
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
	programs := new(kernel)
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

// mapsOf opens the maps that a program uses.
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

// repin puts the programs in the place of those that are pinned.
func (k *kernel) repin(dir string) error {
	for name, p := range k.programs() {
		if err := replacePin(*p, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// replacePin pins something in the place of what is pinned there. There is no
// moment at which nothing is.
func replacePin(p interface{ Pin(string) error }, path string) error {
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
