package sick

import (
	"fmt"
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// Kind is what is wrong with a flow. The worst is the highest.
type Kind uint8

// The kinds.
const (
	// Well means that nothing is wrong.
	Well Kind = iota
	// OneSided means that one direction was not seen, or not where it should be.
	OneSided
	// Refused means that nobody wants the flow: an ICMP error answered it.
	Refused
	// HalfOpen means that the handshake was not completed.
	HalfOpen
	// Retransmits means that a direction sends much again.
	Retransmits
	// WindowClosed means that a side accepts nothing now.
	WindowClosed
	// Unacknowledged means that data is in flight and nothing comes.
	Unacknowledged
	numKinds
)

// NumKinds is the number of kinds, with [Well].
const NumKinds = int(numKinds)

var names = [numKinds]string{
	"", "seen one way", "refused", "half open", "retransmits", "window closed", "unacknowledged",
}

// String returns the kind in a list.
func (k Kind) String() string { return names[k] }

// Finding is what is wrong with a flow, and how much.
type Finding struct {
	Kind Kind
	// By is the direction that it is about.
	By flow.Direction
	// Size is a share for Retransmits, and otherwise seconds. The worse the larger.
	Size float64
}

// Worse reports whether a finding is worse than another one.
func (f Finding) Worse(than Finding) bool {
	if f.Kind != than.Kind {
		return f.Kind > than.Kind
	}
	return f.Size > than.Size
}

// fewest is the number of retransmissions that a connection may have, however short it
// is: one lost packet is no illness.
const fewest = 3

// Of returns the worst that is wrong with a flow. One of the partner of a pair is judged
// where its packets are: what is known of it here may be seconds old.
func Of(f *flow.Flow) Finding {
	if f.Holding.Inherited {
		return Finding{}
	}
	l := limits()
	if f.Tuple.Proto == flow.ProtocolTCP {
		if found := ofTCP(f, &l); found.Kind != Well {
			return found
		}
	}
	switch {
	case f.Related > 0 && !f.Reply.Seen():
		return Finding{Kind: Refused, By: flow.Reply, Size: f.Age.Seconds()}
	case f.OneSided || f.Origin.Seen() && !f.Reply.Seen() && expectsReply(f):
		if f.Age > l.OneSided && !handshaking(f) {
			return Finding{Kind: OneSided, By: flow.Reply, Size: f.Age.Seconds()}
		}
	}
	return Finding{}
}

// Refusal reports whether a flow ended because nobody wanted it.
func Refusal(f *flow.Flow, reason flow.Reason) bool {
	return reason == flow.ReasonRST && f.State == flow.StateSynSent
}

// Ended says what was wrong with a flow at its end, empty if nothing was.
func Ended(e *flow.Event) string {
	switch {
	case Refusal(e.Flow(), e.Reason):
		return "Nobody accepts it: a RST answered it."
	case e.Reason == flow.ReasonRST && e.Direction == flow.Reply:
		return "The responder has reset it."
	}
	return ""
}

// Holds reports whether something is wrong with a flow.
func Holds(f *flow.Flow) bool { return Of(f).Kind != Well }

func ofTCP(f *flow.Flow, l *Limits) Finding {
	if handshaking(f) && f.Age > l.HalfOpen {
		return Finding{Kind: HalfOpen, Size: f.Age.Seconds()}
	}
	if f.State == flow.StateEstablished {
		if found := stalled(f, l); found.Kind != Well {
			return found
		}
	}
	return resent(f, l)
}

func handshaking(f *flow.Flow) bool {
	return f.State == flow.StateSynSent || f.State == flow.StateSynRecv
}

// stalled finds data that nobody acknowledges, and windows that are closed.
func stalled(f *flow.Flow, l *Limits) Finding {
	for _, side := range [...]struct {
		by     flow.Direction
		to, of *flow.Half
	}{{flow.Reply, &f.Reply, &f.Origin}, {flow.Origin, &f.Origin, &f.Reply}} {
		if side.of.InFlight > 0 && f.Idle > l.Unacknowledged {
			return Finding{Kind: Unacknowledged, By: side.by, Size: f.Idle.Seconds()}
		}
		if side.to.WindowKnown && side.to.Window == 0 {
			return Finding{Kind: WindowClosed, By: side.by, Size: f.Idle.Seconds()}
		}
	}
	// Where windows are known, one that has this timeout for nothing of that has missed its end.
	if f.TimeoutName == flow.TCPUnacknowledged && !f.Origin.WindowKnown && f.Idle > l.Unacknowledged {
		return Finding{Kind: Unacknowledged, By: flow.Reply, Size: f.Idle.Seconds()}
	}
	return Finding{}
}

// resent finds the direction that sends the larger share of its packets again.
func resent(f *flow.Flow, l *Limits) (found Finding) {
	for _, side := range [...]struct {
		by   flow.Direction
		half *flow.Half
	}{{flow.Origin, &f.Origin}, {flow.Reply, &f.Reply}} {
		n := side.half.Retransmits
		share := float64(n) / float64(max(side.half.Packets, 1))
		if n >= fewest && share > l.Retransmits && share > found.Size {
			found = Finding{Kind: Retransmits, By: side.by, Size: share}
		}
	}
	return found
}

// expectsReply reports whether somebody should answer the flow: nobody does to a group.
func expectsReply(f *flow.Flow) bool {
	to := f.Tuple.Dst.Addr().Unmap()
	return !to.IsMulticast() && (!to.Is4() || to.As4()[3] != 255)
}

// Sentence says what is wrong with a flow, empty if nothing is.
func Sentence(f *flow.Flow) string {
	found := Of(f)
	by, other := found.By, opposite(found.By)
	long := format.Words(time.Duration(found.Size * float64(time.Second)).Truncate(time.Second))
	switch found.Kind {
	case Unacknowledged:
		return fmt.Sprintf("%s has not acknowledged what %s sent, and nothing came for %s.", by, other, long)
	case WindowClosed:
		return fmt.Sprintf("%s has closed its window: it reads too slowly, and %s must wait.", by, other)
	case Retransmits:
		return fmt.Sprintf("%s sent %.1f %% of its packets again: they, or their acknowledgements, are lost on the way.", by, 100*found.Size)
	case HalfOpen:
		return fmt.Sprintf("The handshake has not been completed for %s.", long)
	case Refused:
		return "Nobody accepts it: an ICMP error answered it."
	case OneSided:
		return fmt.Sprintf("Only origin has been seen for %s: nobody answers, or replies take another way.", long)
	}
	return ""
}

func opposite(d flow.Direction) flow.Direction {
	if d == flow.Origin {
		return flow.Reply
	}
	return flow.Origin
}

// SlowerSocket says that a socket's round trip is much longer than that of its
// handshake, empty if it is not.
func SlowerSocket(f *flow.Flow, now time.Duration) string {
	first := f.Origin.RTT + f.Reply.RTT
	if first <= 0 || float64(now) <= limits().RoundTrip*float64(first) {
		return ""
	}
	return fmt.Sprintf("Its round trip takes %s now, %.0f times that of its handshake.", format.Short(now), float64(now)/float64(first))
}
