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

// An XDP program ends when it requests a redirect. If the frame exceeds the MTU
// of the output interface, or that is down, the kernel drops the frame and
// calls a tracepoint. A program at the tracepoint counts the drops of the
// tracker's own device map. It costs nothing while nothing is dropped.

const (
	unsentProgram = "ctop_unsent"
	// unsentPin is the name under which the attachment is pinned.
	unsentPin = "unsent"
	// redirectError is the tracepoint (include/trace/events/xdp.h).
	redirectError = "xdp_redirect_err"
)

// CountUnsent attaches the program that counts failed redirects. It replaces an
// attachment pinned in dir. It pins the new one there unless dir is empty.
func (k *Objects) CountUnsent(dir string) (link.Link, error) {
	program, err := k.loadUnsent()
	if err != nil {
		return nil, err
	}
	defer program.Close()
	path := filepath.Join(dir, unsentPin)
	if dir != "" {
		// Two attached programs would count every drop twice.
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

// loadUnsent loads the counting program with the existing maps.
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

// outputsID returns the ID of the device map, by which the program recognizes
// the tracker's redirects.
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
