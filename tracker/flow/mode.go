package flow

import "fmt"

// Mode is the way in which the programs are attached to an interface.
type Mode uint8

const (
	// ModeAuto means native XDP if the interface supports it, else tc.
	ModeAuto Mode = iota
	// ModeNative means XDP in the driver.
	ModeNative
	// ModeTC means the tcx hook (Linux 6.6), or a filter of the clsact qdisc on
	// older kernels.
	ModeTC
	// ModeGeneric means XDP after the driver, which is much slower.
	ModeGeneric
	// ModeReplay means no hook: packets come from a capture. It cannot be
	// selected.
	ModeReplay
)

var modeNames = [...]string{ModeAuto: "auto", ModeNative: "native", ModeTC: "tc", ModeGeneric: "generic"}

// String returns the mode's name in flags and outputs.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	if m == ModeReplay {
		return "replay"
	}
	return fmt.Sprintf("mode_%d", uint8(m))
}

// ParseMode returns the mode with the given name.
func ParseMode(s string) (Mode, error) {
	for i, name := range modeNames {
		if s == name {
			return Mode(i), nil
		}
	}
	return 0, fmt.Errorf("no mode is called %q: use auto, native, tc or generic", s)
}

// Policy determines what happens to invalid packets.
type Policy uint8

const (
	// PolicyObserve forwards all packets.
	PolicyObserve Policy = iota
	// PolicyEnforce drops invalid packets, and TCP flows that do not begin with
	// a SYN.
	PolicyEnforce
)

// String returns the policy's name in flags and outputs.
func (p Policy) String() string {
	if p == PolicyEnforce {
		return "enforce"
	}
	return "observe"
}

// ParsePolicy returns the policy with the given name.
func ParsePolicy(s string) (Policy, error) {
	switch s {
	case "observe":
		return PolicyObserve, nil
	case "enforce":
		return PolicyEnforce, nil
	}
	return 0, fmt.Errorf("no policy is called %q: use observe or enforce", s)
}
