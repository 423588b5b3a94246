package tracker

import (
	"fmt"
	"log/slog"
)

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

// The bounds of [Options.MaxFlows].
const (
	DefaultMaxFlows = 65536
	MinMaxFlows     = 16
	MaxMaxFlows     = 16 << 20
)

// Options says how a tracker is to be opened. The zero value of every field
// but Interfaces is usable.
type Options struct {
	// Interfaces are the names of the two interfaces to stand between.
	Interfaces [2]string
	// Mode is ModeAuto by default.
	Mode Mode
	// Policy is PolicyObserve by default.
	Policy Policy
	// MaxFlows is the capacity of the table, DefaultMaxFlows where zero.
	MaxFlows int
	// Timeouts replaces the default of each timeout that is not zero.
	Timeouts Timeouts
	// Keep leaves the tracker running when it is closed. It needs pins.
	Keep bool
	// NoPin keeps the tracker out of the BPF file system: it ends with the
	// process, however that ends, and nobody can join it.
	NoPin bool
	// Force attaches to interfaces that the machine itself uses, which would be
	// refused with ErrUsed.
	Force bool
	// SSHConnection is the variable of that name, by which an SSH server says
	// what a session comes from. Where it is empty, as sudo leaves it, the server
	// is looked for among the parents of this process.
	SSHConnection string
	// filter lets tc mode use a filter where it could use tcx.
	filter bool
	// Trace makes a record of every packet for [Tracker.Traces]. It costs much
	// while it is on and nothing where it is off; only a tracker that is attached,
	// not one that is joined, can have it, and Keep does not go with it.
	Trace bool
	// Checksums counts packets whose checksum is wrong. Every byte of every packet
	// is read for it.
	Checksums bool
	// Log gets what is worth telling while the tracker runs; nothing is logged
	// where nil.
	Log *slog.Logger
}

// withDefaults fills in what was left out and refuses what cannot be.
func (o Options) withDefaults() (Options, error) {
	if o.Interfaces[0] == "" || o.Interfaces[1] == "" {
		return o, fmt.Errorf("%w: name two interfaces", ErrUsage)
	}
	if o.Interfaces[0] == o.Interfaces[1] {
		return o, fmt.Errorf("attach to %s: %w: it was named twice: name two interfaces", o.Interfaces[0], ErrUsage)
	}
	if o.MaxFlows == 0 {
		o.MaxFlows = DefaultMaxFlows
	}
	if o.MaxFlows < MinMaxFlows || o.MaxFlows > MaxMaxFlows {
		return o, fmt.Errorf("%w: a table of %d flows is out of range: use %d to %d", ErrUsage, o.MaxFlows, MinMaxFlows, MaxMaxFlows)
	}
	if o.Keep && o.NoPin {
		return o, fmt.Errorf("%w: a tracker without pins cannot be kept", ErrUsage)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	defaults := DefaultTimeouts()
	for name, d := range o.Timeouts {
		if d == 0 {
			o.Timeouts[name] = defaults[name]
			continue
		}
		if err := CheckTimeout(d); err != nil {
			return o, fmt.Errorf("%w: timeout %s: %w", ErrUsage, TimeoutName(name), err)
		}
	}
	return o, nil
}
