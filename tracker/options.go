package tracker

import (
	"log/slog"
	"slices"

	"ctop/tracker/flow"
)

// Options says how a tracker is to be opened. The zero value of every field
// but Interfaces is usable.
type Options struct {
	// Interfaces are the names of the two interfaces to stand between.
	Interfaces []string
	// Mode is ModeAuto by default.
	Mode flow.Mode
	// Policy is PolicyObserve by default.
	Policy flow.Policy
	// MaxFlows is the capacity of the table, flow.DefaultMaxFlows where zero.
	MaxFlows int
	// Timeouts replaces the default of each timeout that is not zero.
	Timeouts flow.Timeouts
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
	if len(o.Interfaces) != 2 || slices.Contains(o.Interfaces, "") {
		return o, flow.Usagef("name two interfaces")
	}
	if o.Interfaces[0] == o.Interfaces[1] {
		return o, flow.Usagef("attach to %s: it was named twice: name two interfaces", o.Interfaces[0])
	}
	var err error
	if o.MaxFlows, err = flow.CheckMaxFlows(o.MaxFlows); err != nil {
		return o, err
	}
	if o.Keep && o.NoPin {
		return o, flow.Usagef("a tracker without pins cannot be kept")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Timeouts, err = o.Timeouts.WithDefaults()
	return o, err
}
