package flow

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Volume is a number of packets and bytes.
type Volume struct{ Packets, Bytes uint64 }

// Plus returns the sum of both volumes.
func (v Volume) Plus(more Volume) Volume {
	return Volume{Packets: v.Packets + more.Packets, Bytes: v.Bytes + more.Bytes}
}

// Interface is an interface to which the tracker is attached.
type Interface struct {
	Name string
	// Host is the host that has the interface, where a snapshot is of several.
	Host string `json:",omitempty"`
	// Uptime is that of the host's tracker, 0 if it is not known.
	Uptime time.Duration `json:",omitempty"`
	// Index is the interface index, 0 while the interface does not exist.
	Index int
	// Mode is ModeNative, ModeTC or ModeGeneric, never ModeAuto.
	Mode Mode
	// Role is the role of the tracker there.
	Role Role `json:",omitempty"`
	// Up reports whether the interface exists and is administratively up.
	Up bool
	// Use describes how the machine itself uses the interface, as in "has the
	// address 192.0.2.1/24". Such use does not work while the tracker takes
	// every packet. It is empty if there is none, and if the operator forced
	// the attachment.
	Use string
	// Received and Sent are the interface's own packet counts.
	Received, Sent uint64
	// ReceivedBytes is the interface's own count of the bytes of Received.
	ReceivedBytes uint64 `json:",omitempty"`
	// In and Out are what the tracker saw come in and go out since it was attached,
	// where the interface is watched. Where both ends of a flow are on one side of it
	// (lo), everything comes in.
	In, Out Volume `json:",omitzero"`
	// Behind names the programs that stand before the tracker's where the interface
	// is watched: what they take or end is not seen. It is empty if there are none.
	Behind string `json:",omitempty"`
	// Followed: the tracker watches interfaces as they come and go, so it is no problem
	// if this one is gone.
	Followed bool `json:",omitempty"`
	// MTU is the interface's MTU in bytes, without the Ethernet header.
	MTU int
	// SendDrops is the interface's own count of packets not sent.
	SendDrops uint64
	// Virtual is set for interfaces that are known to count packets sent by
	// XDP.
	Virtual bool
}

// Counters are the tracker's counters since it was attached.
type Counters struct {
	Packets, Bytes uint64
	// New, Established, Related, Invalid and Untracked are the verdicts. They
	// add up to Packets.
	New, Established, Related, Invalid, Untracked uint64
	// Forwarded and Dropped add up to Packets.
	Forwarded, Dropped uint64
	// FlowsCreated minus FlowsDestroyed is the number of flows present.
	FlowsCreated, FlowsDestroyed uint64
	// DroppedBy are the parts of Dropped by [Drop].
	DroppedBy [numDrops]uint64
	// Destroyed are the parts of FlowsDestroyed by [Reason].
	Destroyed [ReasonReset + 1]uint64
	// InvalidBy are the parts of Invalid by [Invalid].
	InvalidBy [numInvalid]uint64
	// UntrackedBy are the parts of Untracked by [Untracked].
	UntrackedBy [numUntracked]uint64
	// BadChecksums counts packets with a wrong checksum. It is only counted if
	// Snapshot.Checksums is set.
	BadChecksums uint64
	// TableFull counts flows that were not tracked because the table was full.
	// TableBusy counts those whose bucket was locked twice although there was
	// room.
	TableFull, TableBusy uint64
	// Events counts events, EventsLost those that did not fit into the ring
	// buffer.
	Events, EventsLost uint64
}

// Plus returns the sum of the counters of two trackers.
func (c Counters) Plus(more Counters) Counters {
	sums, each := c.all(), more.all()
	for i := range sums {
		*sums[i] += *each[i]
	}
	return c
}

// Below reports whether no counter is more than that.
func (c Counters) Below(most uint64) bool {
	for _, n := range c.all() {
		if *n > most {
			return false
		}
	}
	return true
}

// all returns every counter.
func (c *Counters) all() []*uint64 {
	list := []*uint64{
		&c.Packets, &c.Bytes, &c.New, &c.Established, &c.Related, &c.Invalid, &c.Untracked, &c.Forwarded, &c.Dropped,
		&c.FlowsCreated, &c.FlowsDestroyed, &c.BadChecksums, &c.TableFull, &c.TableBusy, &c.Events, &c.EventsLost,
	}
	for _, parts := range [...][]uint64{c.DroppedBy[:], c.Destroyed[:], c.InvalidBy[:], c.UntrackedBy[:]} {
		for i := range parts {
			list = append(list, &parts[i])
		}
	}
	return list
}

// The bounds of [Snapshot.MaxFlows].
const (
	DefaultMaxFlows = 65536
	MinMaxFlows     = 16
	MaxMaxFlows     = 16 << 20
)

// CheckMaxFlows returns the capacity n, or the default if n is 0. It returns an
// error if n is out of bounds.
func CheckMaxFlows(n int) (int, error) {
	if n == 0 {
		return DefaultMaxFlows, nil
	}
	if n < MinMaxFlows || n > MaxMaxFlows {
		return 0, Usagef("a table of %d flows is out of range: use %d to %d", n, MinMaxFlows, MaxMaxFlows)
	}
	return n, nil
}

// Snapshot is an immutable copy of the table.
type Snapshot struct {
	Time time.Time
	Host string
	// Interfaces are the tracker's interfaces in the order given at the start:
	// the two sides of a wire.
	Interfaces []Interface
	Policy     Policy
	Uptime     time.Duration
	MaxFlows   int
	// Checksums is set if the tracker checks checksums.
	Checksums bool
	Timeouts  Timeouts
	Counters  Counters
	// PPS and BPS are the packets and bits per second through the tracker over
	// the last interval.
	PPS, BPS float64
	// Flows are all flows in no particular order. The slice must not be
	// changed.
	Flows []Flow
	// Translations are the tuples that flows have on the other side of an address
	// translation of the machine. Recordings do not contain them.
	Translations []Tuple `json:"-"`
	// Stalled is set for each interface that receives packets while its egress
	// interface sends none. Only a collector sets it.
	Stalled []bool
	// Took is the time that reading the table took.
	Took     time.Duration
	Warnings Warnings
	// Alerts are those of the operator's alerts that hold. Only a collector sets them.
	Alerts []Alert `json:",omitempty"`
	// Naming is what was read of the traffic for names, where it is.
	Naming Naming `json:",omitzero"`
	// Pair is what is known of the other tracker of the pair, where there is one.
	Pair Pair `json:",omitzero"`
	// News are the latest lines for the log of events. Only a collector sets them.
	News []News `json:"-"`
}

// OtherHalf returns the tuple of a flow's other half, if the machine translates its
// addresses: what it has inside, for a flow that was seen outside, and the reverse.
func (s *Snapshot) OtherHalf(f *Flow) (t Tuple, ok bool) { return f.OtherHalf(s.Translations) }

// OtherHalf is [Snapshot.OtherHalf], of a snapshot with these translations.
func (f *Flow) OtherHalf(translations []Tuple) (t Tuple, ok bool) {
	if i := int(f.NAT); i > 0 && i <= len(translations) {
		return translations[i-1], true
	}
	return Tuple{}, false
}

// Onward returns the index of the egress interface for packets that arrive at
// interface i. ok is false if they go to the machine itself.
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

// OfFleet reports whether the snapshot has the flows of several hosts.
func (s *Snapshot) OfFleet() bool { return len(s.Interfaces) > 0 && s.Interfaces[0].Host != "" }

// Watches reports whether the tracker watches its interfaces, which go on without it.
func (s *Snapshot) Watches() bool {
	return len(s.Interfaces) > 0 && s.Interfaces[0].Role == RoleWatch
}

// Place returns the interfaces on one line.
func (s *Snapshot) Place() string {
	if s.OfFleet() {
		return s.Host
	}
	if len(s.Interfaces) > 0 && !s.Watches() {
		return strings.Join(s.Names(), " ⇄ ")
	}
	if len(s.Interfaces) > 0 && s.Interfaces[0].Followed {
		there := 0
		for i := range s.Interfaces {
			if s.Interfaces[i].Index != 0 {
				there++
			}
		}
		return fmt.Sprintf("all (%d)", there)
	}
	return strings.Join(slices.Compact(s.Names()), ", ")
}

// WatchesSeveral reports whether the tracker watches more than one interface: then the same
// connection may be there more than once.
func (s *Snapshot) WatchesSeveral() bool {
	return len(s.Interfaces) > 1 && s.Interfaces[0].Role == RoleWatch && len(slices.Compact(s.Names())) > 1
}
