package bpf

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"ctop/internal/frame"
)

// hooks are the two entry points.
var hooks = []hook{hookXDP, hookTC}

// Addresses of the frames that are not part of a sequence.
var (
	client4 = netip.MustParseAddr("192.0.2.1")
	server4 = netip.MustParseAddr("198.51.100.9")
	client6 = netip.MustParseAddr("2001:db8::1")
	server6 = netip.MustParseAddr("2001:db8:ffff::9")
)

// synFrame returns a SYN between the two ends.
func synFrame(src, dst netip.Addr) frame.Frame {
	s := frame.Segment{Flags: frame.SYN, Seq: 1000, Window: 10000, Sport: 40000, Dport: 443}
	return frame.Frame{Src: src, Dst: dst, Proto: frame.ProtoTCP, L4: s.Bytes()}
}

func udpFrame(src, dst netip.Addr, sport, dport uint16, size int) frame.Frame {
	return frame.Frame{Src: src, Dst: dst, Proto: frame.ProtoUDP, L4: frame.Datagram(sport, dport, size)}
}

// icmpFrame returns an ICMP or ICMPv6 message, depending on the address family.
func icmpFrame(src, dst netip.Addr, kind uint8) frame.Frame {
	f := frame.Frame{Src: src, Dst: dst, Proto: frame.ProtoICMP, L4: frame.ICMP(kind, 0, 9, 24)}
	if src.Is6() {
		f.Proto = frame.ProtoICMPv6
	}
	return f
}

// send runs a frame and returns its verdict, with the reason if invalid.
func (h *harness) send(by hook, data []byte) (verdict string, forwarded bool) {
	h.t.Helper()
	before := h.counters()
	forwarded = h.run(by, data)
	counted := h.since(before)
	if counted.Bytes != uint64(len(data)) {
		h.t.Fatalf("%d bytes counted, want %d", counted.Bytes, len(data))
	}
	if dropped := counted.Dropped != 0; dropped == forwarded {
		h.t.Fatalf("forwarded %t, dropped %t", forwarded, dropped)
	}
	return verdictOf(counted), forwarded
}

// expect sends a frame and compares the verdict. Only enforce drops packets, and only
// invalid ones.
func (h *harness) expect(by hook, data []byte, want string) {
	h.t.Helper()
	got, forwarded := h.send(by, data)
	if got != want {
		h.t.Fatalf("%s: verdict %s, want %s\n%x", by, got, want, data)
	}
	drop := len(want) > 7 && want[:7] == "invalid" && h.config.Policy != 0
	if forwarded == drop {
		h.t.Fatalf("%s: forwarded is %t after %s", by, forwarded, want)
	}
}

// expectFlows compares the number of flows.
func (h *harness) expectFlows(want int) {
	h.t.Helper()
	if got := h.count(); got != want {
		h.t.Fatalf("%d flows, want %d", got, want)
	}
}

func (h *harness) enforce(on bool) {
	h.t.Helper()
	h.config.Policy = uint32(ConntrackPolicyPOLICY_OBSERVE)
	if on {
		h.config.Policy = uint32(ConntrackPolicyPOLICY_ENFORCE)
	}
	h.configure()
}

// localICMP and localICMPv6 are the types by which the hosts and routers of a link
// discover each other, as IANA lists them.
var (
	localICMP   = map[uint8]bool{9: true, 10: true}
	localICMPv6 = map[uint8]bool{
		130: true, 131: true, 132: true, 133: true, 134: true, 135: true, 136: true, 137: true,
		141: true, 142: true, 143: true, 148: true, 149: true, 151: true, 152: true, 153: true,
	}
)

// An ICMP message of any type is an error, a request, an answer, a message of the link,
// or invalid.
func TestICMPTypes(t *testing.T) {
	h := newHarness(t, setup{})
	requests := [2]map[uint8]bool{{8: true, 13: true, 15: true, 17: true}, {128: true}}
	for i, ends := range [][2]netip.Addr{{client4, server4}, {client6, server6}} {
		local := []map[uint8]bool{localICMP, localICMPv6}[i]
		for kind := range 256 {
			f, want := icmpFrame(ends[0], ends[1], uint8(kind)), "invalid/icmp"
			switch {
			case slices.Contains(errorTypes(ends[0]), uint8(kind)):
				want = "invalid/malformed" // it quotes nothing that could be read
			case local[uint8(kind)]:
				want = "untracked"
			case requests[i][uint8(kind)]:
				want = "new"
			}
			for _, by := range hooks {
				h.reset()
				h.enforce(true)
				h.expect(by, f.Bytes(), want)
			}
		}
	}
}

// Packets other than IP, and neighbour discovery, pass with either policy and begin no
// flow.
func TestUntracked(t *testing.T) {
	h := newHarness(t, setup{})
	frames := map[string][]byte{
		"ARP":             frame.Raw(frame.EtherARP, frame.Payload(46)),
		"LLDP":            frame.Raw(frame.EtherLLDP, frame.Payload(100)),
		"MPLS":            frame.Raw(frame.EtherMPLS, frame.Payload(60)),
		"PPPoE":           frame.Raw(frame.EtherPPPoE, frame.Payload(60)),
		"PPPoE discovery": frame.Raw(0x8863, frame.Payload(60)),
		"EAPOL":           frame.Raw(0x888e, frame.Payload(60)),
		"length":          frame.Raw(100, frame.Payload(100)),
		"nothing":         frame.Raw(0, nil),
		"tag alone":       frame.Raw(frame.EtherVLAN, nil),
		"half a tag":      frame.Raw(frame.EtherVLAN, []byte{0, 5, 8}),
		"tag and ARP":     frame.Raw(frame.EtherVLAN, append([]byte{0, 5, 8, 6}, frame.Payload(46)...)),
	}
	for kind := range 256 {
		if localICMP[uint8(kind)] {
			frames[fmt.Sprintf("ICMP %d", kind)] = icmpFrame(client4, server4, uint8(kind)).Bytes()
		}
		if localICMPv6[uint8(kind)] {
			frames[fmt.Sprintf("ICMPv6 %d", kind)] = icmpFrame(client6, server6, uint8(kind)).Bytes()
		}
	}
	mld := icmpFrame(client6, server6, 143)
	mld.Extensions = []frame.Extension{{Number: frame.ProtoHopByHop, Rest: []byte{0, 5, 2, 0, 0, 1, 0}}}
	frames["MLDv2 with router alert"] = mld.Bytes()
	for name, data := range frames {
		t.Run(name, func(t *testing.T) {
			h.t = t
			for _, by := range hooks {
				for _, enforce := range []bool{false, true} {
					h.enforce(enforce)
					h.expect(by, data, "untracked")
					h.expectFlows(0)
				}
			}
		})
	}
}

// A combination of TCP flags is valid or invalid, for any flow.
func TestFlagCombinations(t *testing.T) {
	h := newHarness(t, setup{})
	valid := map[uint8]bool{
		frame.SYN: true, frame.SYN | frame.URG: true, frame.SYN | frame.ACK: true, frame.RST: true, frame.RST | frame.ACK: true,
		frame.FIN | frame.ACK: true, frame.FIN | frame.ACK | frame.URG: true, frame.ACK: true, frame.ACK | frame.URG: true,
	}
	for _, by := range hooks {
		for flags := range 256 {
			meaning := valid[uint8(flags)&^(frame.PSH|frame.ECE|frame.CWR)]
			for _, enforce := range []bool{false, true} {
				h.reset()
				h.enforce(enforce)
				f := frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoTCP}
				f.L4 = frame.Segment{Flags: uint8(flags), Seq: 1, Ack: 1, Window: 1, Sport: 1, Dport: 2}.Bytes()
				verdict, forwarded := h.send(by, f.Bytes())
				if (verdict != "invalid/flags") != meaning {
					t.Fatalf("%s: flags %#x: %s", by, flags, verdict)
				}
				begins := flags&^(frame.PSH|frame.ECE|frame.CWR|frame.URG) == frame.SYN || (flags&^(frame.PSH|frame.ECE|frame.CWR|frame.URG) == frame.ACK && !enforce)
				if forwarded != (begins || !enforce) || (h.count() == 1) != begins {
					t.Fatalf("%s: flags %#x: %s, forwarded %t, %d flows", by, flags, verdict, forwarded, h.count())
				}
			}
		}
	}
}

// Invalid flags change nothing in a flow, even if all numbers are right.
func TestFlagCombinationsInFlow(t *testing.T) {
	h := newHarness(t, setup{})
	for _, by := range hooks {
		key := h.establish(by, client4, server4)
		before := *h.flow(key)
		for _, flags := range []uint8{0, frame.FIN, frame.SYN | frame.FIN, frame.SYN | frame.RST, frame.FIN | frame.RST, frame.FIN | frame.RST | frame.ACK, frame.SYN | frame.FIN | frame.ACK, frame.SYN | frame.RST | frame.ACK, frame.PSH | frame.URG | frame.FIN, 0xff, frame.URG, frame.PSH} {
			f := frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoTCP}
			f.L4 = frame.Segment{Flags: flags, Seq: 1001, Ack: 5001, Window: 10000, Sport: 40000, Dport: 443}.Bytes()
			h.expect(by, f.Bytes(), "invalid/flags")
			if after := *h.flow(key); after != before {
				t.Fatalf("%s: flags %#x changed the flow from %+v to %+v", by, flags, before, after)
			}
		}
		h.reset()
	}
}

// establish opens a connection from port 40000 to 443 and returns its key. The
// client's next number is 1001, the server's 5001, the windows are 10000.
func (h *harness) establish(by hook, src, dst netip.Addr) ConntrackFlowKey {
	h.t.Helper()
	there := frame.Segment{Window: 10000, Sport: 40000, Dport: 443}
	back := frame.Segment{Window: 10000, Sport: 443, Dport: 40000}
	there.Flags, there.Seq = frame.SYN, 1000
	h.expect(by, frame.Frame{Src: src, Dst: dst, Proto: frame.ProtoTCP, L4: there.Bytes()}.Bytes(), "new")
	back.Flags, back.Seq, back.Ack = frame.SYN|frame.ACK, 5000, 1001
	h.expect(by, frame.Frame{Src: dst, Dst: src, Proto: frame.ProtoTCP, L4: back.Bytes()}.Bytes(), "established")
	there.Flags, there.Seq, there.Ack = frame.ACK, 1001, 5001
	h.expect(by, frame.Frame{Src: src, Dst: dst, Proto: frame.ProtoTCP, L4: there.Bytes()}.Bytes(), "established")
	key, _ := keyOf(frame.Frame{Src: src, Dst: dst, Proto: frame.ProtoTCP}, 40000, 443)
	if got := state(h.flow(key)); got != ConntrackFlowStateSTATE_ESTABLISHED {
		h.t.Fatalf("state %s after the handshake", stateNames[got])
	}
	h.drain()
	return key
}
