package tracker

import (
	"errors"
	"log/slog"
	"slices"
	"time"

	"ctop/tracker/flow"
	"ctop/tracker/netdev"
	"ctop/tracker/owner"
)

// Options configures a tracker. The zero value of every field but Interfaces is
// valid.
type Options struct {
	// Interfaces are the names of the two interfaces to stand between, or of those to
	// watch.
	Interfaces []string
	// Watch sees the packets of the interfaces in both directions and lets them go on,
	// whoever they are for. Mode, Force and Checksums do not go with it.
	Watch bool
	// Except, with Watch and the one name "all" ([netdev.All]), are the interfaces that
	// are not watched, as names or patterns.
	Except []string
	// returnTime is [netdev.Attachments.ReturnTime].
	returnTime time.Duration
	// Mode is ModeAuto by default.
	Mode flow.Mode
	// Policy is PolicyObserve by default.
	Policy flow.Policy
	// MaxFlows is the capacity of the table. 0 means flow.DefaultMaxFlows.
	MaxFlows int
	// Timeouts replaces the default timeouts. 0 keeps a default.
	Timeouts flow.Timeouts
	// Keep keeps the tracker running after Close. It requires pins.
	Keep bool
	// NoPin attaches without pins. The tracker ends with the process, even if
	// that is killed, and no process can join it.
	NoPin bool
	// Force attaches to interfaces that the machine itself uses. Without it,
	// Open returns ErrUsed for them.
	Force bool
	// SSHConnection is the value of the variable SSH_CONNECTION. If it is
	// empty, for example because of sudo, the parents of this process are
	// searched for an SSH server.
	SSHConnection string
	// filter makes tc mode use a filter even if the kernel has tcx.
	filter bool
	// Trace records every packet for [Tracker.Traces]. It is expensive while it
	// is on. It applies to a tracker that Open attaches, and excludes Keep.
	Trace bool
	// Checksums counts packets with wrong checksums. The programs then read
	// every byte of every packet.
	Checksums bool
	// NoProcesses does not look for the processes behind the flows of watched
	// interfaces. Between two interfaces nobody does.
	NoProcesses bool
	// Octets counts the octets of IP packets in events and [Tracker.Part]. It takes 16
	// bytes more of each flow.
	Octets bool
	// Cgroup is the control group of version 2 whose processes are looked for. If it
	// is empty, those of the whole machine are.
	Cgroup string
	// Log is the logger. With nil, nothing is logged.
	Log *slog.Logger
}

// withDefaults sets missing options to their defaults. It returns an error for
// invalid ones.
func (o Options) withDefaults() (Options, error) {
	if err := o.checkInterfaces(); err != nil {
		return o, err
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

// checkInterfaces refuses interfaces that cannot be, and what does not go with watching
// them.
func (o Options) checkInterfaces() error {
	switch {
	case o.Watch && (len(o.Interfaces) == 0 || slices.Contains(o.Interfaces, "")):
		return flow.Usagef("name the interfaces to watch")
	case len(o.Except) > 0 && !o.follows():
		return flow.Usagef("only a tracker that watches all interfaces can leave some out: watch all")
	case o.follows() && (netdev.Follow{Except: o.Except}).CheckExcept() != nil:
		return netdev.Follow{Except: o.Except}.CheckExcept()
	case o.Watch && o.Mode != flow.ModeAuto && o.Mode != flow.ModeTC:
		return flow.Usagef("watch in %s mode: it takes packets from the machine: leave out the mode", o.Mode)
	case o.Watch && o.Checksums:
		return flow.Usagef("check checksums while watching: the machine leaves them to its cards: watch without")
	case o.Watch:
		return nil
	case len(o.Interfaces) != 2 || slices.Contains(o.Interfaces, ""):
		return flow.Usagef("name two interfaces")
	case o.Interfaces[0] == o.Interfaces[1]:
		return flow.Usagef("attach to %s: it was named twice: name two interfaces", o.Interfaces[0])
	}
	return nil
}

// find looks the interfaces up.
func (o Options) find() ([]*netdev.Device, error) {
	if o.follows() {
		return o.follow().Find(func(d *netdev.Device) error {
			return errors.Join(owner.CheckFree([]string{d.Name()}), d.Check(owner.Occupied))
		})
	}
	if o.Watch {
		return netdev.FindWatched(o.Interfaces...)
	}
	return netdev.Find(o.Interfaces...)
}

// follows reports whether all interfaces are watched as they come and go.
func (o Options) follows() bool {
	return o.Watch && len(o.Interfaces) == 1 && o.Interfaces[0] == netdev.All
}

// follow returns which interfaces are followed, nil if none are.
func (o Options) follow() *netdev.Follow {
	if !o.follows() {
		return nil
	}
	return &netdev.Follow{Except: o.Except, Force: o.Force}
}
