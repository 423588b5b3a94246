package tracker

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"github.com/safchain/ethtool"

	"ctop/tracker/flow"
)

// prepare finds out what the side's mode needs on it, or why it is out of the
// question.
func (s *side) prepare() error {
	s.changes, s.obstacle = nil, nil
	switch {
	case s.mode == flow.ModeTC:
		s.prepareTC()
	case s.link.Type() == "veth":
		s.prepareVeth()
	case !s.virtual():
		s.prepareCard()
	}
	return s.obstacle
}

// prepareVeth finds out what XDP needs at the peer of a veth link.
func (s *side) prepareVeth() {
	p, err := findPeer(s.link)
	switch {
	case err == nil:
	case s.mode == flow.ModeGeneric:
		return // it works, if not with VLANs
	default:
		s.obstacle = err
		return
	}
	if s.mode == flow.ModeNative {
		// Generic mode sends its frames like any others.
		s.changes = append(s.changes, change{Kind: changeGRO, NetNS: p.netns, Name: p.name})
	}
	s.changes = append(s.changes, change{Kind: changeTxVLAN, NetNS: p.netns, Name: p.name})
}

// prepareCard finds out what XDP needs on an interface that has a wire.
func (s *side) prepareCard() {
	s.changes = []change{{Kind: changePromisc, Name: s.name()}}
	kinds := []changeKind{changeRxVLAN, changeLRO}
	if s.mode == flow.ModeGeneric {
		kinds = append(kinds, changeHWGRO)
	}
	for _, kind := range kinds {
		c := change{Kind: kind, Name: s.name()}
		if c.stuck() {
			s.obstacle = fmt.Errorf("XDP needs its %s off, but the driver keeps it on", kind)
		}
		s.changes = append(s.changes, c)
	}
}

// prepareTC finds out what tc mode needs on this side.
func (s *side) prepareTC() {
	if !s.virtual() {
		s.changes = []change{{Kind: changePromisc, Name: s.name()}}
		if lro := (change{Kind: changeLRO, Name: s.name()}); !lro.stuck() {
			s.changes = append(s.changes, lro)
		}
	}
	if s.filter || !haveTCX() {
		s.filter = true
		s.changes = append(s.changes, change{Kind: changeClsact, Name: s.name()}, change{Kind: changeFilter, Name: s.name()})
	}
}

// haveTCX reports whether the kernel has tcx.
func haveTCX() bool {
	version, err := features.LinuxVersionCode()
	return err != nil || version >= tcxVersion
}

// chooseMode settles the mode of both sides, which is one, and says why where
// that is not what the name "auto" promises.
func chooseMode(wanted flow.Mode, sides [2]*side) (notes []string, err error) {
	mode := wanted
	if wanted == flow.ModeAuto {
		mode = flow.ModeNative
	}
	err = prepareBoth(sides, mode)
	if err != nil && wanted == flow.ModeAuto {
		return tcInstead(sides, err)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case mode == flow.ModeGeneric:
		notes = []string{"generic XDP runs after the driver has done its work: expect a fraction of the throughput, and almost none on virtual links with offloads on"}
	case mode == flow.ModeNative && sides[0].link.Type() == "veth":
		notes = []string{"native XDP sees every packet of a veth link on its own; --mode tc keeps segmentation offload and moves bulk traffic several times faster"}
	case mode == flow.ModeNative:
		notes = slices.Concat(sides[0].queueNotes(), sides[1].queueNotes())
	}
	return notes, nil
}

// prepareBoth gives both sides a mode, and finds out what it needs on them.
func prepareBoth(sides [2]*side, mode flow.Mode) error {
	for _, s := range sides {
		s.mode = mode
		if err := s.prepare(); err != nil {
			return &refusal{what: fmt.Errorf("attach to %s in %s mode: %w", s.name(), mode, err), remedy: s.remedy(err)}
		}
	}
	return nil
}

// tcInstead chooses tc mode, and says why native mode is not to be had.
func tcInstead(sides [2]*side, why error) (notes []string, err error) {
	return []string{"tc mode instead of native XDP: " + reason(why)}, prepareBoth(sides, flow.ModeTC)
}

// queueNotes says where virtio_net lacks transmit queues for XDP: beside those in
// use it takes one for each CPU, and without them every packet takes a lock.
func (s *side) queueNotes() []string {
	var channels ethtool.Channels
	err := withEthtool(func(e *ethtool.Ethtool) (err error) {
		channels, err = e.GetChannels(s.name())
		return err
	})
	cpus, failed := ebpf.PossibleCPU()
	if err != nil || failed != nil || s.driver() != "virtio_net" {
		return nil
	}
	spare := int(channels.MaxCombined) - cpus
	if spare >= int(channels.CombinedCount) {
		return nil
	}
	remedy := fmt.Sprintf("give it %d queues (in qemu, queues=%d)", cpus+1, cpus+1)
	if spare > 0 {
		remedy = fmt.Sprintf("\"ethtool -L %s combined %d\" makes room", s.name(), spare)
	}
	return []string{fmt.Sprintf("%s has no spare transmit queue for each CPU, so native XDP sends under a lock: %s", s.name(), remedy)}
}
