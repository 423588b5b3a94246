package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"ctop/bpf"
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

// CountUnsent begins to count what redirects drop, in the place of a program that
// did so before. The attachment is pinned in the directory, unless that is empty.
func (k *Objects) CountUnsent(dir string) (link.Link, error) {
	program, err := k.loadUnsent()
	if err != nil {
		return nil, err
	}
	defer program.Close()
	path := filepath.Join(dir, unsentPin)
	if dir != "" {
		// Two at once would count twice.
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("remove the pin %s: %w", unsentPin, err)
		}
	}
	l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: redirectError, Program: program})
	if err != nil {
		return nil, fmt.Errorf("attach to the tracepoint %s: %w", redirectError, err)
	}
	if dir == "" {
		return l, nil
	}
	if err := l.Pin(path); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("pin %s: %w", unsentPin, err)
	}
	return l, nil
}

// loadUnsent loads the program that counts, over the maps that there are.
func (k *Objects) loadUnsent() (*ebpf.Program, error) {
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
func (k *Objects) outputsID() (uint32, error) {
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
