package bpftest

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// What the programs return for a packet: linux/bpf.h, linux/pkt_cls.h.
const (
	XDPDrop     = 1
	XDPPass     = 2
	XDPRedirect = 4
	TCShot      = 2
	TCRedirect  = 7
)

// Loopback is the interface that test runs come in by.
const Loopback = 1

// Setup is how the programs are loaded. The zero value is a physical interface, the
// kernel's clock and a table of 4096 flows. Setups can be compared.
type Setup struct {
	MaxFlows int
	// KeptLimit is how many answered flows are kept in a full table. Zero is as
	// shipped.
	KeptLimit uint64
	// Clock lets the configuration move the clock.
	Clock             bool
	CompleteChecksums bool
	SingleBuffer      bool
	Tracing           bool
	VerifyChecksums   bool
	// NoOutputs leaves out the interfaces that packets leave by.
	NoOutputs bool
}

// Size gives the table of a specification room for so many flows.
type Size func(spec *ebpf.CollectionSpec, maxFlows int) error

// Load loads the programs of a specification, which it changes. size is bpf.SizeTable.
func (s Setup) Load(spec *ebpf.CollectionSpec, size Size) (*ebpf.Collection, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("lift the limit on locked memory: %w", err)
	}
	if err := size(spec, cmp.Or(s.MaxFlows, 4096)); err != nil {
		return nil, err
	}
	if err := s.specialise(spec); err != nil {
		return nil, err
	}
	options := ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{LogLevel: ebpf.LogLevelStats}}
	coll, err := ebpf.NewCollectionWithOptions(spec, options)
	if err != nil || s.NoOutputs {
		return coll, err
	}
	if err := SetOutputs(coll, Loopback); err != nil {
		coll.Close()
		return nil, err
	}
	return coll, nil
}

// LoadInto loads them and assigns the objects to a struct that bpf2go generated.
func (s Setup) LoadInto(spec *ebpf.CollectionSpec, size Size, objects any) error {
	coll, err := s.Load(spec, size)
	if err != nil {
		return err
	}
	defer coll.Close()
	return coll.Assign(objects)
}

// specialise sets constants.
func (s Setup) specialise(spec *ebpf.CollectionSpec) error {
	if s.SingleBuffer {
		spec.Programs["ctop_xdp"].Flags &^= unix.BPF_F_XDP_HAS_FRAGS
	}
	values := map[string]any{
		"clock_injected": s.Clock, "complete_checksums": s.CompleteChecksums,
		"multi_buffer": !s.SingleBuffer, "id_seed": uint64(7), "tracing": s.Tracing,
		"verify_checksums": s.VerifyChecksums,
	}
	if s.KeptLimit != 0 {
		values["kept_limit"] = s.KeptLimit
	}
	for name, value := range values {
		v := spec.Variables[name]
		if v == nil {
			return fmt.Errorf("set %s: the BPF programs have no such variable", name)
		}
		if err := v.Set(value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// SetOutputs lets the programs of a collection redirect to one interface whatever comes.
func SetOutputs(coll *ebpf.Collection, ifindex uint32) error {
	outputs := coll.Maps["outputs"]
	if outputs == nil {
		return errors.New("set the egress interface: the programs have no map of outputs")
	}
	for side := range uint32(2) {
		if err := outputs.Put(side, ifindex); err != nil {
			return fmt.Errorf("set the egress interface: %w", err)
		}
	}
	return nil
}
