package netdev

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"github.com/safchain/ethtool"

	"ctop/tracker/flow"
)

// errBond refuses native XDP on a bond: the program runs at its ports and is told the
// port's index, so it would take a packet for one of the other interface.
var errBond = errors.New("XDP sees packets at the ports of a bond")

// prepare determines the settings that the mode changes on the interface, or
// the obstacle to the mode.
func (s *Device) prepare() error {
	s.changes, s.obstacle = nil, nil
	switch {
	case s.watches():
		s.prepareWatch()
	case s.mode == flow.ModeTC:
		s.prepareTC()
	case s.mode == flow.ModeNative && s.link.Type() == "bond":
		s.obstacle = errBond
	case s.link.Type() == "veth":
		s.prepareVeth()
	case !s.Virtual():
		s.prepareCard()
	}
	return s.obstacle
}

// prepareVeth determines the settings that XDP changes at the peer of a veth.
func (s *Device) prepareVeth() {
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
		// Generic mode sends frames by the normal transmit path, so it needs no
		// GRO.
		s.changes = append(s.changes, Setting{Kind: settingGRO, NetNS: p.netns, Name: p.name})
	}
	for _, kind := range []settingKind{settingTxVLAN, settingTxServiceTag} {
		s.changes = append(s.changes, Setting{Kind: kind, NetNS: p.netns, Name: p.name})
	}
}

// prepareCard determines the settings that XDP changes on an interface other
// than a veth.
func (s *Device) prepareCard() {
	s.changes = []Setting{{Kind: settingPromisc, Name: s.Name()}}
	kinds := []settingKind{settingRxVLAN, settingRxServiceTag, settingLRO}
	if s.mode == flow.ModeGeneric {
		kinds = append(kinds, settingHWGRO)
	}
	for _, kind := range kinds {
		c := Setting{Kind: kind, Name: s.Name()}
		if c.stuck() {
			s.obstacle = fmt.Errorf("XDP needs its %s off, but the driver keeps it on", kind)
		}
		s.changes = append(s.changes, c)
	}
}

// prepareTC determines the settings that tc mode changes on the interface.
func (s *Device) prepareTC() {
	if !s.Virtual() {
		s.changes = []Setting{{Kind: settingPromisc, Name: s.Name()}}
		if lro := (Setting{Kind: settingLRO, Name: s.Name()}); !lro.stuck() {
			s.changes = append(s.changes, lro)
		}
	}
	if s.filter || !haveTCX() {
		s.filter = true
		s.changes = append(s.changes, Setting{Kind: settingClsact, Name: s.Name()}, Setting{Kind: settingFilter, Name: s.Name()})
	}
}

// haveTCX reports whether the kernel has tcx.
func haveTCX() bool {
	version, err := features.LinuxVersionCode()
	return err != nil || version >= tcxVersion
}

// ChooseMode sets one mode for all interfaces. If "auto" cannot use native XDP,
// the notes give the reason.
func ChooseMode(wanted flow.Mode, devices []*Device) (notes []string, err error) {
	mode := wanted
	if wanted == flow.ModeAuto {
		mode = flow.ModeNative
	}
	err = prepareAll(devices, mode)
	if err != nil && wanted == flow.ModeAuto {
		return TCInstead(devices, err)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case mode == flow.ModeGeneric:
		notes = []string{"generic XDP runs after the driver has done its work: expect a fraction of the throughput, and almost none on virtual links with offloads on"}
	case mode == flow.ModeNative && devices[0].link.Type() == "veth":
		notes = []string{"native XDP sees every packet of a veth link on its own; --mode tc keeps segmentation offload and moves bulk traffic several times faster"}
	case mode == flow.ModeNative:
		for _, s := range devices {
			notes = append(notes, s.queueNotes()...)
		}
	}
	return notes, nil
}

// prepareAll sets the mode of the interfaces and prepares each.
func prepareAll(devices []*Device, mode flow.Mode) error {
	for _, s := range devices {
		s.mode = mode
		if err := s.prepare(); err != nil {
			return &refusal{what: fmt.Errorf("attach to %s in %s mode: %w", s.Name(), mode, err), remedy: s.remedy(err)}
		}
	}
	return nil
}

// TCInstead selects tc mode. The notes give the reason why native mode cannot
// be used.
func TCInstead(devices []*Device, why error) (notes []string, err error) {
	return []string{"tc mode instead of native XDP: " + reason(why)}, prepareAll(devices, flow.ModeTC)
}

// CompleteChecksums reports whether the programs complete checksums for senders
// on the interfaces that leave them to hardware.
func CompleteChecksums(devices []*Device) bool {
	return slices.ContainsFunc(devices, func(s *Device) bool { return s.mode != flow.ModeTC && s.Virtual() })
}

// queueNotes warns if a virtio_net interface lacks transmit queues for XDP. XDP
// needs one queue per CPU beside those in use; with fewer, every packet takes a
// lock.
func (s *Device) queueNotes() []string {
	var channels ethtool.Channels
	err := withEthtool(func(e *ethtool.Ethtool) (err error) {
		channels, err = e.GetChannels(s.Name())
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
		remedy = fmt.Sprintf("run \"ethtool -L %s combined %d\"", s.Name(), spare)
	}
	return []string{fmt.Sprintf("%s has no spare transmit queue for each CPU, so native XDP sends under a lock: %s", s.Name(), remedy)}
}
