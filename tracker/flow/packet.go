package flow

import (
	"net/netip"
	"time"
)

// Rule is what a capture asks of the first packet of a new flow. The ends of a rule
// apply to those of a flow in either order.
type Rule struct {
	// Proto is the protocol, if HasProto is set.
	Proto    Protocol
	HasProto bool
	// Family is 4 or 6, or 0 for both.
	Family Family
	// Ends are what the ends must be.
	Ends [2]RuleEnd
}

// RuleEnd is what an end of a flow must be. The zero value fits every end.
type RuleEnd struct {
	// Net is a network, or invalid for all addresses.
	Net netip.Prefix
	// Low and High are a range of ports, both 0 for all ports.
	Low, High uint16
}

// Packet is the copy of a packet of a captured flow.
type Packet struct {
	Time time.Time
	// Ref is the flow. Its tuple is that of the flow's origin.
	Ref Ref
	// Place is where the flow lies in the table.
	Place uint32
	// Direction is the packet's direction in the flow.
	Direction Direction
	// In is the index of the interface where it was seen. At a watched interface it
	// is Outgoing if it left by it.
	In       uint16
	Outgoing bool
	// From and To are the flow's states before and after the packet, To is none if
	// it ended the flow.
	From, To State
	Verdict  Verdict
	// Invalid is the reason if the verdict is VerdictInvalid.
	Invalid Invalid
	// Dropped is set if the policy dropped the packet.
	Dropped bool
	// Holding is the process of the flow, if that is known.
	Holding Holding
	// First is set if the packet began the flow.
	First bool
	// Payload is where in Data the transport protocol's payload begins, and Offset where
	// that lies in the stream of a TCP flow whose first packet was seen.
	Payload int
	Offset  uint32
	// Length is the length of the packet. Data has as much of it as was asked for.
	Length int
	Data   []byte
}

// PacketCounts are the packets of a capture so far.
type PacketCounts struct {
	// Copied were handed over, OverBudget were not since the rate was used up,
	// NoRoom since they were not taken fast enough.
	Copied, OverBudget, NoRoom uint64
}

// Lost returns the number of packets that were not handed over.
func (c PacketCounts) Lost() uint64 { return c.OverBudget + c.NoRoom }
