package flow

import "fmt"

// Mode is how the tracker's programs are attached to an interface.
type Mode uint8

const (
	// ModeAuto is native XDP where it can be made to work, else tc.
	ModeAuto Mode = iota
	// ModeNative is XDP in the driver.
	ModeNative
	// ModeTC is the tcx ingress hook (Linux 6.6), or a filter of the clsact
	// qdisc where the kernel has none.
	ModeTC
	// ModeGeneric is XDP after the driver, much slower.
	ModeGeneric
	// ModeReplay is no hook at all: packets come from a capture. It cannot be
	// asked for.
	ModeReplay
)

var modeNames = [...]string{ModeAuto: "auto", ModeNative: "native", ModeTC: "tc", ModeGeneric: "generic"}

// String returns the mode's name as flags and outputs spell it.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	if m == ModeReplay {
		return "replay"
	}
	return fmt.Sprintf("mode_%d", uint8(m))
}

// ParseMode returns the mode of that name.
func ParseMode(s string) (Mode, error) {
	for i, name := range modeNames {
		if s == name {
			return Mode(i), nil
		}
	}
	return 0, fmt.Errorf("no mode is called %q: use auto, native, tc or generic", s)
}

// Policy is what becomes of packets that the tracker calls invalid.
type Policy uint8

const (
	// PolicyObserve forwards everything.
	PolicyObserve Policy = iota
	// PolicyEnforce drops what is invalid, and TCP that does not begin with a
	// SYN.
	PolicyEnforce
)

// String returns the policy's name as flags and outputs spell it.
func (p Policy) String() string {
	if p == PolicyEnforce {
		return "enforce"
	}
	return "observe"
}

// ParsePolicy returns the policy of that name.
func ParsePolicy(s string) (Policy, error) {
	switch s {
	case "observe":
		return PolicyObserve, nil
	case "enforce":
		return PolicyEnforce, nil
	}
	return 0, fmt.Errorf("no policy is called %q: use observe or enforce", s)
}
