package tracker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"ctop/bpf"
	"ctop/tracker/flow"
)

// An XDP program is done when it asks for a redirect. If the kernel then finds that
// the frame is longer than the MTU of the way out, or that this is down, it drops
// the frame and calls a tracepoint. A program there counts the drops of the
// tracker's own map. It costs nothing where nothing is dropped.

const (
	unsentProgram = "ctop_unsent"
	// unsentPin is the name under which its attachment is pinned.
	unsentPin = "unsent"
	// redirectError is the tracepoint (include/trace/events/xdp.h).
	redirectError = "xdp_redirect_err"
)

// watchRedirects counts what redirects drop, in modes that redirect by XDP. A kernel
// that does not let it is no reason not to track.
func (t *Tracker) watchRedirects(mode flow.Mode) {
	if mode == flow.ModeTC {
		return
	}
	if err := t.countUnsent(); err != nil {
		t.notes = append(t.notes, fmt.Sprintf("packets that are too long for the way out will be counted as forwarded: %v", err))
	}
}

// countUnsent begins to count what redirects drop, in the place of a program that
// did so before.
func (t *Tracker) countUnsent() error {
	program, err := t.kernel.loadUnsent()
	if err != nil {
		return err
	}
	defer program.Close()
	path := filepath.Join(t.dir, unsentPin)
	if t.dir != "" {
		// Two at once would count twice.
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove the pin %s: %w", unsentPin, err)
		}
	}
	l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: redirectError, Program: program})
	if err != nil {
		return fmt.Errorf("attach to the tracepoint %s: %w", redirectError, err)
	}
	t.unsent = l
	if t.dir == "" {
		return nil
	}
	if err := l.Pin(path); err != nil {
		return fmt.Errorf("pin %s: %w", unsentPin, err)
	}
	return nil
}

// loadUnsent loads the program that counts, over the maps that there are.
func (k *kernel) loadUnsent() (*ebpf.Program, error) {
	spec, err := bpf.LoadConntrack()
	if err != nil {
		return nil, fmt.Errorf("read the BPF programs: %w", err)
	}
	spec.Programs = map[string]*ebpf.ProgramSpec{unsentProgram: spec.Programs[unsentProgram]}
	spec.Maps = map[string]*ebpf.MapSpec{statsMap: spec.Maps[statsMap], configSection: spec.Maps[configSection]}
	spec.Variables = nil
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{
		MapReplacements: map[string]*ebpf.Map{statsMap: k.stats, configSection: k.config},
	})
	if err != nil {
		return nil, fmt.Errorf("load the program that counts dropped redirects: %w", err)
	}
	defer coll.Close()
	return coll.DetachProgram(unsentProgram), nil
}

// outputsID is by what the program knows the tracker's redirects.
func (k *kernel) outputsID() (uint32, error) {
	info, err := k.outputs.Info()
	if err != nil {
		return 0, fmt.Errorf("inspect the device map: %w", err)
	}
	id, ok := info.ID()
	if !ok {
		return 0, errors.New("inspect the device map: it has no id")
	}
	return uint32(id), nil
}

// unsentBy returns how many packets a side's interface did not send since the
// tracker was attached to it, as it counts itself. Only virtual ones are known to
// count that, whatever the mode: a veth link drops what its other end cannot take.
func (m ifaceMeta) unsentBy(drops uint64) uint64 {
	return m.Unsent + drops - min(drops, m.SendDrops)
}

// unsentSides adds up what both interfaces did not send, and remembers it for the
// case that one of them is replaced.
func (t *Tracker) unsentSides(sides [2]flow.Interface) (n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, side := range sides {
		if side.Index != 0 && side.Virtual {
			t.sendDrops[i] = side.SendDrops
		}
		n += t.meta.Interfaces[i].unsentBy(t.sendDrops[i])
	}
	return n
}

// unsentSide is what a side whose interface is gone did not send so far.
func (t *Tracker) unsentSide(i int) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.meta.Interfaces[i].unsentBy(t.sendDrops[i])
	t.sendDrops[i] = 0
	return n
}

// sendDrops is what the interface says it did not send so far.
func (s *side) sendDrops() uint64 {
	if counted := s.link.Attrs().Statistics; counted != nil && s.virtual() {
		return counted.TxDropped
	}
	return 0
}
