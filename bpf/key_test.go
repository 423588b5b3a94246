package bpf

import (
	"net/netip"
	"testing"
)

// Each of these packets is a flow of its own, and its answer belongs to it.
func TestKeys(t *testing.T) {
	h := newHarness(t, setup{})
	mapped1, mapped2 := netip.AddrFrom16(client4.As16()), netip.AddrFrom16(server4.As16())
	type packet struct {
		name         string
		frame        frame
		sport, dport uint16
	}
	udp := func(name string, src, dst netip.Addr, sport, dport uint16, vlans ...uint16) packet {
		f := udpFrame(src, dst, sport, dport, 20)
		f.vlans = vlans
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
		{"GRE", frame{src: client4, dst: server4, proto: protoGRE, l4: payload(40)}, 0, 0},
		{"ESP", frame{src: client4, dst: server4, proto: 50, l4: payload(40)}, 0, 0},
		{"IPIP", frame{src: client4, dst: server4, proto: 4, l4: payload(40)}, 0, 0},
		{"SCTP", frame{src: client4, dst: server4, proto: protoSCTP, l4: portsFirst(1, 2, 40)}, 1, 2},
		{"another SCTP association", frame{src: client4, dst: server4, proto: protoSCTP, l4: portsFirst(3, 2, 40)}, 3, 2},
		{"DCCP", frame{src: client4, dst: server4, proto: protoDCCP, l4: portsFirst(1, 2, 12)}, 1, 2},
		{"UDP-Lite", frame{src: client4, dst: server4, proto: protoUDPLite, l4: datagram(1, 2, 0)}, 1, 2},
		{"IPv6 UDP-Lite", frame{src: client6, dst: server6, proto: protoUDPLite, l4: datagram(1, 2, 9)}, 1, 2},
		{"IPv6 SCTP", frame{src: client6, dst: server6, proto: protoSCTP, l4: portsFirst(1, 2, 12)}, 1, 2},
		{"no payload at all", frame{src: client4, dst: server4, proto: 253}, 0, 0},
		{"IPv6 GRE", frame{src: client6, dst: server6, proto: protoGRE, l4: payload(40)}, 0, 0},
		{"ICMPv6 in IPv4", frame{src: client4, dst: server4, proto: protoICMPv6, l4: icmp(128, 0, 1, 8)}, 0, 0},
		{"ICMP in IPv6", frame{src: client6, dst: server6, proto: protoICMP, l4: icmp(8, 0, 1, 8)}, 0, 0},
	}
	for _, by := range hooks {
		for i, p := range packets {
			key, reversed := keyOf(p.frame, p.sport, p.dport)
			h.expect(by, p.frame.bytes(), "new")
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
			answer.src, answer.dst = answer.dst, answer.src
			switch answer.proto {
			case protoUDP, protoUDPLite:
				answer.l4 = datagram(p.dport, p.sport, 10+i)
			case protoSCTP, protoDCCP:
				answer.l4 = portsFirst(p.dport, p.sport, 12)
			}
			key, _ := keyOf(p.frame, p.sport, p.dport)
			h.expect(by, answer.bytes(), "established")
			flow := h.flow(key)
			if flow.Dir[0].Packets != 1 || flow.Dir[1].Packets != 1 || flow.Dir[1].Bytes != uint64(len(answer.bytes())) {
				t.Errorf("%s: %s: answered with %+v", by, p.name, flow)
			}
		}
		h.expectFlows(len(packets))
		h.reset()
	}
}

// Two hosts that ask each other by the same id have two conversations, and an
// answer is one only from whom was asked.
func TestCrossedEchoes(t *testing.T) {
	h := newHarness(t, setup{})
	for _, by := range hooks {
		for _, pair := range [][2]netip.Addr{{client4, server4}, {client6, server6}} {
			request, reply := uint8(8), uint8(0)
			if pair[0].Is6() {
				request, reply = 128, 129
			}
			there, back := icmpFrame(pair[0], pair[1], request), icmpFrame(pair[1], pair[0], request)
			h.expect(by, there.bytes(), "new")
			h.expect(by, icmpFrame(pair[0], pair[1], reply).bytes(), "invalid/icmp")
			h.expect(by, back.bytes(), "new")
			h.expectFlows(2)
			h.expect(by, icmpFrame(pair[0], pair[1], reply).bytes(), "established")
			for _, c := range []struct {
				frame frame
				state ConntrackFlowState
			}{{there, ConntrackFlowStateSTATE_NEW}, {back, ConntrackFlowStateSTATE_ESTABLISHED}} {
				if got := state(h.flow(icmpKey(c.frame, request, 9))); got != c.state {
					t.Errorf("%s: %s → %s is %s", by, c.frame.src, c.frame.dst, stateNames[got])
				}
			}
			h.reset()
		}
	}
}

// A priority tag is no VLAN.
func TestPriorityTag(t *testing.T) {
	h := newHarness(t, setup{})
	for _, by := range hooks {
		tagged := udpFrame(client4, server4, 1, 2, 10)
		tagged.vlans = []uint16{5 << 13}
		h.expect(by, tagged.bytes(), "new")
		h.expect(by, udpFrame(server4, client4, 2, 1, 10).bytes(), "established")
		tagged.vlans = []uint16{5<<13 | 7}
		h.expect(by, tagged.bytes(), "new")
		tagged.vlans = []uint16{7}
		h.expect(by, tagged.bytes(), "new")
		h.expectFlows(2)
		h.reset()
	}
}
