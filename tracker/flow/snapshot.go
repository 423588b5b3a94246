package flow

import (
	"strings"
	"time"
)

// Interface is an interface that the tracker is attached to.
type Interface struct {
	Name string
	// Index is zero while the interface does not exist.
	Index int
	// Mode is how the programs are attached: ModeNative, ModeTC or
	// ModeGeneric, never ModeAuto.
	Mode Mode
	// Role is what the tracker does there.
	Role Role `json:",omitempty"`
	// Up reports whether the interface exists and is administratively up.
	Up bool
	// Use is how the machine itself uses the interface, as in "has the address
	// 192.0.2.1/24", which it cannot while the tracker takes every packet. It is
	// empty for a wire, and where the operator forced the tracker to attach.
	Use string
	// Received and Sent are packets as the interface itself counts them.
	Received, Sent uint64
	// MTU is the longest packet that the interface sends, without its Ethernet
	// header.
	MTU int
	// SendDrops are packets that the interface says it did not send.
	SendDrops uint64
	// Virtual interfaces are known to count what XDP sends.
	Virtual bool
}

// Counters are the tracker's own, since it was attached.
type Counters struct {
	Packets, Bytes uint64
	// New, Established, Related, Invalid and Untracked are the verdicts. They
	// add up to Packets.
	New, Established, Related, Invalid, Untracked uint64
	// Forwarded and Dropped are what became of the packets. They add up to
	// Packets.
	Forwarded, Dropped uint64
	// FlowsCreated minus FlowsDestroyed is the number of flows present.
	FlowsCreated, FlowsDestroyed uint64
	// DroppedBy splits Dropped by why.
	DroppedBy [numDrops]uint64
	// Destroyed splits FlowsDestroyed by [Reason].
	Destroyed [ReasonReset + 1]uint64
	// InvalidBy splits Invalid by why.
	InvalidBy [numInvalid]uint64
	// UntrackedBy splits Untracked by why.
	UntrackedBy [numUntracked]uint64
	// BadChecksums counts packets with a wrong checksum, where Snapshot.Checksums
	// says that they are looked at.
	BadChecksums uint64
	// TableFull counts flows that found no room and were not tracked, TableBusy
	// those that had room, but found their bucket of the table in use twice.
	TableFull, TableBusy uint64
	// Events and EventsLost count the events made and those of them that
	// found no room in the ring buffer.
	Events, EventsLost uint64
}

// The bounds of [Snapshot.MaxFlows].
const (
	DefaultMaxFlows = 65536
	MinMaxFlows     = 16
	MaxMaxFlows     = 16 << 20
)

// CheckMaxFlows returns the capacity of a table for which n was asked, the default
// where that is zero, and refuses what cannot be.
func CheckMaxFlows(n int) (int, error) {
	if n == 0 {
		return DefaultMaxFlows, nil
	}
	if n < MinMaxFlows || n > MaxMaxFlows {
		return 0, Usagef("a table of %d flows is out of range: use %d to %d", n, MinMaxFlows, MaxMaxFlows)
	}
	return n, nil
}

// Snapshot is an immutable copy of the table at one instant.
type Snapshot struct {
	Time time.Time
	Host string
	// Interfaces are those of the tracker, in the order in which they were named:
	// the two sides of a wire.
	Interfaces []Interface
	Policy     Policy
	Uptime     time.Duration
	MaxFlows   int
	// Checksums says that the tracker looks at checksums.
	Checksums bool
	Timeouts  Timeouts
	Counters  Counters
	// PPS and BPS are packets and bits per second through the tracker over
	// the last interval.
	PPS, BPS float64
	// Flows is every flow, in no order. It must not be changed.
	Flows []Flow
	// Stalled tells for each interface that it receives packets and nothing is
	// sent on by the other one. Only a [Collector] finds that out.
	Stalled []bool
	// Took is how long reading the table took.
	Took     time.Duration
	Warnings Warnings
}

// Onward returns the interface that packets leave by which come in by interface i, and
// false if they go to the machine itself.
func (s *Snapshot) Onward(i int) (to int, ok bool) {
	if len(s.Interfaces) != 2 || s.Interfaces[i].Role != RoleWire {
		return 0, false
	}
	return 1 - i, true
}

// Names returns the names of the interfaces.
func (s *Snapshot) Names() []string {
	names := make([]string, len(s.Interfaces))
	for i := range s.Interfaces {
		names[i] = s.Interfaces[i].Name
	}
	return names
}

// Place names the interfaces in one line.
func (s *Snapshot) Place() string {
	if len(s.Interfaces) > 0 && s.Interfaces[0].Role == RoleWire {
		return strings.Join(s.Names(), " ⇄ ")
	}
	return strings.Join(s.Names(), ", ")
}
