// Package firstseen learns what is usual on a machine, and marks flows that bring what was
// never there before: another port, network or address for a process or a local end.
package firstseen

import (
	"encoding/binary"
	"net/netip"

	"ctop/tracker/flow"
)

// Limits of what is remembered.
const (
	// MostFacts is the maximum number of facts: 16 bytes each, and as much for finding
	// them.
	MostFacts = 1 << 18
	// mostOfOne is the maximum number of ports, networks or addresses of one process or
	// local end. One that is scanned, or serves everybody, cannot take the room of others.
	mostOfOne = 1 << 12
	// mostNew is the maximum number of facts of those that came after learning. In a
	// wire whoever opens a flow is one, so forged senders that are answered may be
	// countless: they leave room for those that are usual.
	mostNew = MostFacts / 2
)

// kind is what a fact is about.
type kind byte

// The kinds, in the order in which they are told.
const (
	port kind = iota
	network
	address
	numKinds
)

var kindNames = [numKinds]string{"port", "network", "address"}

// fact is something that a flow has, as hashes: of whom it is, and what.
type fact struct {
	what uint64
	whom uint32
}

// book has the facts that are known.
type book struct {
	seed [16]byte
	// facts has what is known, with whom it is of. counts are the numbers of each.
	facts  map[uint64]uint32
	counts map[uint32]uint16
	// learned is set once it is known who is usual. late are those that came later, and
	// lateFacts the number of their facts.
	learned   bool
	late      map[uint32]struct{}
	lateFacts int
}

func newBook(seed [16]byte) *book {
	return &book{seed: seed, facts: map[uint64]uint32{}, counts: map[uint32]uint16{}, late: map[uint32]struct{}{}}
}

func (b *book) knows(f fact) bool {
	_, ok := b.facts[f.what]
	return ok
}

// full reports whether there is no room for facts like this one.
func (b *book) full(f fact) bool {
	return len(b.facts) >= MostFacts || b.counts[f.whom] >= mostOfOne || b.lateFacts >= mostNew && b.isLate(f.whom)
}

// isLate reports whether nothing was known of somebody when it was learned who is usual.
func (b *book) isLate(whom uint32) bool {
	if !b.learned {
		return false
	}
	_, late := b.late[whom]
	return late || b.counts[whom] == 0
}

// learn remembers a fact, and reports whether there was room.
func (b *book) learn(f fact) bool {
	if b.knows(f) {
		return true
	}
	if b.full(f) {
		return false
	}
	if b.isLate(f.whom) {
		b.late[f.whom] = struct{}{}
		b.lateFacts++
	}
	b.facts[f.what] = f.whom
	b.counts[f.whom]++
	return true
}

// party is who a flow belongs to, and whom it talks to.
type party struct {
	process string
	local   netip.Addr
	peer    netip.Addr
	proto   flow.Protocol
	port    uint16
	// outward is set unless the peer has opened the flow to this machine: everybody may
	// come to a server.
	outward bool
}

// partyOf returns the parties of a flow. began is set if its first packet was seen.
func partyOf(f *flow.Flow) (p party, began bool) {
	p = party{local: f.Tuple.Src.Addr(), peer: f.Tuple.Dst.Addr(), proto: f.Tuple.Proto, port: f.Tuple.Dst.Port(), outward: true}
	if f.Local() == flow.EndReply {
		p.local, p.peer, p.outward = p.peer, p.local, false
	}
	if owner := f.Holding.Owner(); owner != nil {
		p.process = owner.Name
	}
	began = true
	if p.proto == flow.ProtocolTCP && !f.Origin.WindowKnown && f.State != flow.StateSynSent && f.State != flow.StateSynRecv {
		// Who began is not known: the lower port is that of the service, usually.
		began, p.port = false, min(p.port, f.Tuple.Src.Port())
	}
	return p, began
}

// networkOf returns the network of an address: /24, or /64 of IPv6.
func networkOf(a netip.Addr) netip.Prefix {
	bits := 64
	if a = a.Unmap(); a.Is4() {
		bits = 24
	}
	net, _ := a.Prefix(bits) // it fails only for other lengths
	return net
}

// facts returns the facts of a flow. Only some have an address: who serves has any number
// of clients.
func (b *book) factsOf(p *party) (list [numKinds]fact, n int) {
	whom := fnv(offset, b.seed[:])
	if p.process != "" {
		whom = fnv(whom, []byte(p.process))
	} else {
		local := p.local.As16()
		whom = fnv(whom, local[:])
	}
	of := func(k kind, what []byte) {
		one := fnv(whom, []byte{byte(k)})
		list[n] = fact{what: fnv(one, what), whom: uint32(one ^ one>>32)}
		n++
	}
	of(port, binary.BigEndian.AppendUint16([]byte{byte(p.proto)}, p.port))
	net := networkOf(p.peer).Addr().As16()
	of(network, net[:])
	if p.outward {
		peer := p.peer.As16()
		of(address, peer[:])
	}
	return list, n
}

// FNV-1a.
const (
	offset uint64 = 14695981039346656037
	prime  uint64 = 1099511628211
)

func fnv(h uint64, text []byte) uint64 {
	for _, c := range text {
		h = (h ^ uint64(c)) * prime
	}
	return h
}
