package bpf

import (
	"net/netip"
	"testing"

	"ctop/internal/frame"
)

// Each of these packets begins a flow of its own, and its answer belongs to that.
func TestKeys(t *testing.T) {
	h := newHarness(t, setup{})
	mapped1, mapped2 := netip.AddrFrom16(client4.As16()), netip.AddrFrom16(server4.As16())
	type packet struct {
		name         string
		frame        frame.Frame
		sport, dport uint16
	}
	udp := func(name string, src, dst netip.Addr, sport, dport uint16, vlans ...uint16) packet {
		f := udpFrame(src, dst, sport, dport, 20)
		f.VLANs = vlans
		return packet{name, f, sport, dport}
	}
	packets := []packet{
		udp("plain", client4, server4, 1, 2),
		udp("crossed ports", client4, server4, 2, 1),
		udp("same ports", client4, server4, 1, 1),
		udp("itself", client4, client4, 1, 2),
		udp("IPv6", client6, server6, 1, 2),
		udp("IPv6 crossed", client6, server6, 2, 1),
		udp("mapped addresses are no IPv4", mapped1, mapped2, 1, 2),
		udp("VLAN 5", client4, server4, 1, 2, 5),
		udp("VLAN 6", client4, server4, 1, 2, 6),
		udp("VLAN 4094", client4, server4, 1, 2, 4094),
		udp("QinQ 5.6", client4, server4, 1, 2, 5, 6),
		udp("QinQ 6.5", client4, server4, 1, 2, 6, 5),
		udp("QinQ 5.5", client4, server4, 1, 2, 5, 5),
		udp("IPv6 VLAN 5", client6, server6, 1, 2, 5),
		udp("IPv6 QinQ", client6, server6, 1, 2, 5, 6),
		{"GRE", frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoGRE, L4: frame.Payload(40)}, 0, 0},
		{"ESP", frame.Frame{Src: client4, Dst: server4, Proto: 50, L4: frame.Payload(40)}, 0, 0},
		{"IPIP", frame.Frame{Src: client4, Dst: server4, Proto: 4, L4: frame.Payload(40)}, 0, 0},
		{"SCTP", frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoSCTP, L4: frame.PortsFirst(1, 2, 40)}, 1, 2},
		{"another SCTP association", frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoSCTP, L4: frame.PortsFirst(3, 2, 40)}, 3, 2},
		{"DCCP", frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoDCCP, L4: frame.PortsFirst(1, 2, 12)}, 1, 2},
		{"UDP-Lite", frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoUDPLite, L4: frame.Datagram(1, 2, 0)}, 1, 2},
		{"IPv6 UDP-Lite", frame.Frame{Src: client6, Dst: server6, Proto: frame.ProtoUDPLite, L4: frame.Datagram(1, 2, 9)}, 1, 2},
		{"IPv6 SCTP", frame.Frame{Src: client6, Dst: server6, Proto: frame.ProtoSCTP, L4: frame.PortsFirst(1, 2, 12)}, 1, 2},
		{"no payload at all", frame.Frame{Src: client4, Dst: server4, Proto: 253}, 0, 0},
		{"IPv6 GRE", frame.Frame{Src: client6, Dst: server6, Proto: frame.ProtoGRE, L4: frame.Payload(40)}, 0, 0},
		{"ICMPv6 in IPv4", frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoICMPv6, L4: frame.ICMP(128, 0, 1, 8)}, 0, 0},
		{"ICMP in IPv6", frame.Frame{Src: client6, Dst: server6, Proto: frame.ProtoICMP, L4: frame.ICMP(8, 0, 1, 8)}, 0, 0},
	}
	for _, by := range hooks {
		for i, p := range packets {
			key, reversed := keyOf(p.frame, p.sport, p.dport)
			h.expect(by, p.frame.Bytes(), "new")
			h.expectFlows(i + 1)
			flow := h.flow(key)
			if flow == nil {
				t.Fatalf("%s: %s: no flow under %+v", by, p.name, key)
			}
			if hasFlag(flow, ConntrackFlowFlagFLOW_REVERSED) != reversed {
				t.Errorf("%s: %s: reversed is %t", by, p.name, !reversed)
			}
		}
		for i, p := range packets {
			answer := p.frame
			answer.Src, answer.Dst = answer.Dst, answer.Src
			switch answer.Proto {
			case frame.ProtoUDP, frame.ProtoUDPLite:
				answer.L4 = frame.Datagram(p.dport, p.sport, 10+i)
			case frame.ProtoSCTP, frame.ProtoDCCP:
				answer.L4 = frame.PortsFirst(p.dport, p.sport, 12)
			}
			key, _ := keyOf(p.frame, p.sport, p.dport)
			h.expect(by, answer.Bytes(), "established")
			flow := h.flow(key)
			if flow.Origin.Packets != 1 || flow.Reply.Packets != 1 || flow.Reply.Bytes != uint64(len(answer.Bytes())) {
				t.Errorf("%s: %s: answered with %+v", by, p.name, flow)
			}
		}
		h.expectFlows(len(packets))
		h.reset()
	}
}

// Two hosts that send each other requests with the same identifier have two flows, and
// only the host that received a request can answer it.
func TestCrossedEchoes(t *testing.T) {
	h := newHarness(t, setup{})
	for _, by := range hooks {
		for _, pair := range [][2]netip.Addr{{client4, server4}, {client6, server6}} {
			request, reply := uint8(8), uint8(0)
			if pair[0].Is6() {
				request, reply = 128, 129
			}
			there, back := icmpFrame(pair[0], pair[1], request), icmpFrame(pair[1], pair[0], request)
			h.expect(by, there.Bytes(), "new")
			h.expect(by, icmpFrame(pair[0], pair[1], reply).Bytes(), "invalid/icmp")
			h.expect(by, back.Bytes(), "new")
			h.expectFlows(2)
			h.expect(by, icmpFrame(pair[0], pair[1], reply).Bytes(), "established")
			for _, c := range []struct {
				frame frame.Frame
				state ConntrackFlowState
			}{{there, ConntrackFlowStateSTATE_NEW}, {back, ConntrackFlowStateSTATE_ESTABLISHED}} {
				if got := state(h.flow(icmpKey(c.frame, request, 9))); got != c.state {
					t.Errorf("%s: %s → %s is %s", by, c.frame.Src, c.frame.Dst, stateNames[got])
				}
			}
			h.reset()
		}
	}
}

// A priority tag is not a VLAN.
func TestPriorityTag(t *testing.T) {
	h := newHarness(t, setup{})
	for _, by := range hooks {
		tagged := udpFrame(client4, server4, 1, 2, 10)
		tagged.VLANs = []uint16{5 << 13}
		h.expect(by, tagged.Bytes(), "new")
		h.expect(by, udpFrame(server4, client4, 2, 1, 10).Bytes(), "established")
		tagged.VLANs = []uint16{5<<13 | 7}
		h.expect(by, tagged.Bytes(), "new")
		tagged.VLANs = []uint16{7}
		h.expect(by, tagged.Bytes(), "new")
		h.expectFlows(2)
		h.reset()
	}
}
