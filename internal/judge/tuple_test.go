package judge

import (
	"net/netip"

	"ctop/internal/script"
)

// tuple is the tuple of a run: address and port of the first end, and of the
// second.
type tuple struct {
	addr [2]netip.Addr
	port [2]uint16
	// kind of the packets, which determines the protocol.
	kind script.Kind
	// id of ICMP requests, and VLANs, which only ctop sees.
	id   uint16
	vlan [2]uint16
}

// icmpID is the id of a run's echo requests.
const icmpID = 77

// newTuple returns the n-th tuple of its family. All of 2^24 runs have
// different ones.
func newTuple(n uint32, v6 bool) tuple {
	t := tuple{port: [2]uint16{40000, 443}, id: icmpID}
	if v6 {
		a := [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: byte(n), 14: byte(n >> 8), 13: byte(n >> 16)}
		b := [16]byte{0x20, 0x01, 0x0d, 0xb8, 4: 1, 15: 1}
		t.addr = [2]netip.Addr{netip.AddrFrom16(a), netip.AddrFrom16(b)}
		return t
	}
	t.addr = [2]netip.Addr{
		netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}),
		netip.AddrFrom4([4]byte{192, 0, 2, 1}),
	}
	return t
}

// crossed returns the tuple with the ports exchanged, but not the addresses.
func (t tuple) crossed() tuple {
	t.port[0], t.port[1] = t.port[1], t.port[0]
	return t
}

// of returns the tuple of the step.
func (t tuple) of(s *script.Step) tuple {
	if s.Crossed {
		t = t.crossed()
	}
	if s.Kind != script.Quote {
		t.kind = s.Kind
	}
	return t
}

func (t *tuple) v6() bool { return t.addr[0].Is6() }

func (t *tuple) proto() byte { return t.kind.Proto(t.v6()) }

// packet returns the step's IP packet. quoted is the last packet in the other
// direction, for steps that quote one. mark is written into the identification
// field, or the flow label, which no router changes.
func (t tuple) packet(s *script.Step, quoted []byte, mark uint16) []byte {
	f := script.Ends{Addr: t.addr, Port: t.port, ID: t.id}.Frame(s, quoted)
	f.ID = mark
	return f.Packet()
}
