package flow

// Ends is a set of the two ends of a flow.
type Ends uint8

// The ends: the source and the destination of the flow's first packet.
const (
	EndOrigin Ends = 1 << iota
	EndReply
)

// String returns "origin", "reply" or "both", and nothing for no end.
func (e Ends) String() string {
	switch e {
	case EndOrigin:
		return Origin.String()
	case EndReply:
		return Reply.String()
	case EndOrigin | EndReply:
		return "both"
	}
	return ""
}

// Has reports whether an end is in the set.
func (e Ends) Has(end Ends) bool { return e&end != 0 }

// Local returns the ends that are this machine.
func (f *Flow) Local() (ends Ends) {
	if f.Origin.Local {
		ends |= EndOrigin
	}
	if f.Reply.Local {
		ends |= EndReply
	}
	return ends
}

// SetLocal sets the ends that are this machine.
func (f *Flow) SetLocal(ends Ends) {
	f.Origin.Local, f.Reply.Local = ends.Has(EndOrigin), ends.Has(EndReply)
}

// Sides returns the ends that are this machine, and the ends that face it. They are
// the same two if both ends are this machine, as at lo. There are none if neither is.
func (f *Flow) Sides() (local, remote Ends) {
	local = f.Local()
	switch local {
	case EndOrigin:
		return EndOrigin, EndReply
	case EndReply:
		return EndReply, EndOrigin
	}
	return local, local
}

// Addresses are the addresses of this machine, as seen at one interface.
type Addresses struct {
	// Of has the addresses, as of [netip.Addr.As16]. A nil map has none.
	Of map[[16]byte]struct{}
	// Loopback: loopback addresses belong to the machine, too.
	Loopback bool
}

func (a *Addresses) has(e *End) bool {
	if _, has := a.Of[e.addr]; has {
		return true
	}
	return a.Loopback && e.Addr().IsLoopback()
}

// Locals are the addresses of this machine at each watched interface, in the order of
// [Snapshot.Interfaces]. They are not changed once they are in use.
type Locals []Addresses

// Ends returns the ends of a flow that are this machine.
func (l Locals) Ends(t *Tuple) (ends Ends) {
	if t.Zone == 0 || int(t.Zone) > len(l) {
		return 0
	}
	at := &l[t.Zone-1]
	if at.has(&t.Src) {
		ends |= EndOrigin
	}
	if at.has(&t.Dst) {
		ends |= EndReply
	}
	return ends
}
