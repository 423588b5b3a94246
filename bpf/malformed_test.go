package bpf

import (
	"encoding/binary"
	"strings"
	"testing"

	"ctop/internal/frame"
)

// tcpOptions are those of a SYN from Linux.
var tcpOptions = []byte{2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7}

// extensions are hop-by-hop, routing and destination options of eight bytes each.
var extensions = []frame.Extension{
	{Number: frame.ProtoHopByHop, Rest: []byte{0, 1, 4, 0, 0, 0, 0}},
	{Number: frame.ProtoRouting, Rest: []byte{0, 4, 0, 0, 0, 0, 0}},
	{Number: frame.ProtoDestination, Rest: []byte{1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
}

// wholeFrames returns a valid frame of every kind that is tracked. Each begins a flow.
func wholeFrames() map[string]frame.Frame {
	s := frame.Segment{Flags: frame.SYN, Seq: 1000, Window: 10000, Sport: 40000, Dport: 443, Options: tcpOptions, Payload: 33}
	tcp4 := frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoTCP, L4: s.Bytes()}
	tcp6 := frame.Frame{Src: client6, Dst: server6, Proto: frame.ProtoTCP, L4: s.Bytes()}
	options, tagged, chained, both := tcp4, tcp4, tcp6, tcp6
	options.Options = []byte{7, 11, 4, 1, 2, 3, 4, 5, 6, 7, 8, 0}
	tagged.VLANs = []uint16{5}
	chained.Extensions = extensions
	both.VLANs, both.Extensions = []uint16{5, 6}, extensions
	return map[string]frame.Frame{
		"TCP": tcp4, "TCP over IPv6": tcp6, "IPv4 options": options, "VLAN": tagged,
		"extension headers": chained, "QinQ and extension headers": both,
		"UDP":            udpFrame(client4, server4, 40000, 443, 30),
		"UDP over IPv6":  udpFrame(client6, server6, 40000, 443, 30),
		"ICMP":           icmpFrame(client4, server4, 8),
		"ICMPv6":         icmpFrame(client6, server6, 128),
		"UDP-Lite":       {Src: client4, Dst: server4, Proto: frame.ProtoUDPLite, L4: frame.Datagram(40000, 443, 30)},
		"SCTP":           {Src: client4, Dst: server4, Proto: frame.ProtoSCTP, L4: frame.PortsFirst(40000, 443, 40)},
		"DCCP over IPv6": {Src: client6, Dst: server6, Proto: frame.ProtoDCCP, L4: frame.PortsFirst(40000, 443, 40)},
		"GRE":            {Src: client4, Dst: server4, Proto: frame.ProtoGRE, L4: frame.Payload(40)},
		"GRE over IPv6":  {Src: client6, Dst: server6, Proto: frame.ProtoGRE, L4: frame.Payload(40)},
	}
}

// A packet that is truncated anywhere is malformed: it passes in observe, is dropped in
// enforce, and counts for no flow.
func TestTruncated(t *testing.T) {
	h := newHarness(t, setup{})
	for name, f := range wholeFrames() {
		t.Run(name, func(t *testing.T) {
			h.t = t
			whole := f.Bytes()
			headers := frame.HeaderSize + 4*len(f.VLANs)
			for _, by := range hooks {
				h.reset()
				h.expect(by, whole, "new")
				flows := h.table()
				for _, enforce := range []bool{false, true} {
					h.enforce(enforce)
					for size := shortest(by, f); size < len(whole); size++ {
						want := "invalid/malformed"
						if size < headers {
							want = "untracked"
						}
						h.expect(by, whole[:size:size], want)
					}
				}
				h.expectTable(flows)
			}
		})
	}
}

// shortest returns the least length that the kernel accepts for a test packet: an
// Ethernet header, and for tc the IP header that follows it. After a tag it accepts any.
func shortest(by hook, f frame.Frame) int {
	switch {
	case by == hookXDP || len(f.VLANs) > 0:
		return frame.HeaderSize
	case f.Src.Is4():
		return frame.HeaderSize + 20
	}
	return frame.HeaderSize + 40
}

// table returns all flows.
func (h *harness) table() map[ConntrackFlowKey]ConntrackFlow {
	h.t.Helper()
	flows := map[ConntrackFlowKey]ConntrackFlow{}
	for _, flow := range h.entries() {
		flows[flow.Key] = flow
	}
	return flows
}

// expectTable compares all flows.
func (h *harness) expectTable(want map[ConntrackFlowKey]ConntrackFlow) {
	h.t.Helper()
	got := h.table()
	if len(got) != len(want) {
		h.t.Fatalf("%d flows, want %d", len(got), len(want))
	}
	for key, flow := range want {
		if got[key] != flow {
			h.t.Fatalf("flow %+v\nwas %+v\nis  %+v", key, flow, got[key])
		}
	}
}

// Headers with wrong lengths are malformed. at counts from the start of the IP header.
func TestLies(t *testing.T) {
	h := newHarness(t, setup{})
	whole := wholeFrames()
	put16 := func(at int, value uint16) func([]byte) []byte {
		return func(ip []byte) []byte { binary.BigEndian.PutUint16(ip[at:], value); return ip }
	}
	put8 := func(at int, value uint8) func([]byte) []byte {
		return func(ip []byte) []byte { ip[at] = value; return ip }
	}
	// shorter makes the IP packet shorter than its frame. The rest is zero.
	shorter := func(transport int) func([]byte) []byte {
		return func(ip []byte) []byte {
			at, header := 2, 20
			if ip[0]>>4 == 6 {
				at, header = 4, 40
			}
			total := transport
			if at == 2 {
				total += header
			}
			binary.BigEndian.PutUint16(ip[at:], uint16(total))
			clear(ip[header+transport:])
			return ip
		}
	}
	const malformed = "invalid/malformed"
	for _, c := range []struct {
		name, frame, want string
		lie               func(ip []byte) []byte
	}{
		{"total length beyond the frame", "TCP", malformed, put16(2, 2000)},
		{"total length less than the header", "TCP", malformed, put16(2, 19)},
		{"total length of nothing but the header", "TCP", malformed, put16(2, 20)},
		{"total length zero, as of a large segment", "TCP", "new", put16(2, 0)},
		{"header of less than 20 bytes", "TCP", malformed, put8(0, 0x44)},
		{"no header", "TCP", malformed, put8(0, 0x40)},
		{"options beyond the packet", "ICMP", malformed, put8(0, 0x4f)},
		{"IPv6 under the ethertype of IPv4", "TCP", malformed, put8(0, 0x65)},
		{"IPv4 under the ethertype of IPv6", "TCP over IPv6", malformed, put8(0, 0x40)},
		{"TCP header of less than 20 bytes", "TCP", malformed, put8(32, 0x40)},
		{"TCP options beyond the packet", "TCP", "new", put8(32, 0xf0)},
		{"TCP cut to 19 bytes in a longer frame", "TCP", malformed, shorter(19)},
		{"TCP cut to its options", "TCP", malformed, shorter(24)},
		{"TCP over IPv6 cut to 19 bytes", "TCP over IPv6", malformed, shorter(19)},
		{"UDP length less than its header", "UDP", malformed, put16(24, 7)},
		{"UDP length zero", "UDP", malformed, put16(24, 0)},
		{"UDP length zero over IPv6", "UDP over IPv6", malformed, put16(44, 0)},
		{"UDP-Lite coverage of all", "UDP-Lite", "new", put16(24, 0)},
		{"UDP-Lite coverage of less than the header", "UDP-Lite", malformed, put16(24, 7)},
		{"UDP-Lite coverage beyond the packet", "UDP-Lite", malformed, put16(24, 39)},
		{"UDP-Lite coverage of the header", "UDP-Lite", "new", put16(24, 8)},
		{"SCTP cut to 11 bytes in a longer frame", "SCTP", malformed, shorter(11)},
		{"DCCP cut to 11 bytes in a longer frame", "DCCP over IPv6", malformed, shorter(11)},
		{"UDP length beyond the packet", "UDP", malformed, put16(24, 39)},
		{"UDP length less than the packet", "UDP", "new", put16(24, 8)},
		{"UDP cut to 7 bytes in a longer frame", "UDP", malformed, shorter(7)},
		{"UDP cut to its ports in a longer frame", "UDP", malformed, shorter(4)},
		{"UDP over IPv6 cut to its ports", "UDP over IPv6", malformed, shorter(4)},
		{"ICMP cut to 7 bytes in a longer frame", "ICMP", malformed, shorter(7)},
		{"ICMP cut to its type", "ICMP", malformed, shorter(4)},
		{"ICMPv6 cut to its type", "ICMPv6", malformed, shorter(4)},
		{"payload length beyond the frame", "TCP over IPv6", malformed, put16(4, 2000)},
		{"payload length zero, as of a jumbogram", "TCP over IPv6", "new", put16(4, 0)},
		{"payload length zero, with headers", "extension headers", "new", put16(4, 0)},
		{"extension beyond the packet", "extension headers", malformed, put8(41, 200)},
		{"last extension beyond the packet", "extension headers", malformed, put8(57, 20)},
		{"extension beyond the payload length", "extension headers", malformed, shorter(20)},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.t = t
			data := whole[c.frame].Bytes()
			data = append(data[:frame.HeaderSize:frame.HeaderSize], c.lie(data[frame.HeaderSize:])...)
			for _, by := range hooks {
				for _, enforce := range []bool{false, true} {
					h.reset()
					h.enforce(enforce)
					h.expect(by, data, c.want)
				}
				if strings.HasPrefix(c.want, "invalid") {
					h.expectFlows(0)
				}
			}
		})
	}
}

// The bytes of a frame after the IP packet are padding, not payload.
func TestPadding(t *testing.T) {
	h := newHarness(t, setup{})
	for _, by := range hooks {
		key := h.establish(by, client4, server4)
		f := frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoTCP, Padding: 6}
		f.L4 = frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001, Window: 10000, Sport: 40000, Dport: 443}.Bytes()
		h.expect(by, f.Bytes(), "established")
		if flow := h.flow(key); flow.Dir[0].End != 1001 || flow.Origin.Bytes != 54+54+60 {
			t.Errorf("%s: padding counts as payload: %+v", by, flow.Dir[0])
		}
		h.reset()
	}
}

// All bytes of a frame with several buffers count.
func TestJumbo(t *testing.T) {
	h := newHarness(t, setup{})
	for i, size := range []int{3000, 3400, 3600, 8958, 8972, 30000} {
		for _, f := range []frame.Frame{udpFrame(client4, server4, 1, uint16(i), size), udpFrame(client6, server6, 1, uint16(i), size)} {
			h.expect(hookXDP, f.Bytes(), "new")
			key, _ := keyOf(f, 1, uint16(i))
			if got := h.flow(key).Origin.Bytes; got != uint64(len(f.Bytes())) {
				t.Errorf("%d of %d bytes counted", got, len(f.Bytes()))
			}
			h.expect(hookXDP, f.Bytes()[:len(f.Bytes())-1], "invalid/malformed")
		}
	}
	h.expect(hookXDP, frame.Raw(frame.EtherARP, frame.Payload(9000)), "untracked")
}

// A frame with options or extension headers belongs to the flow of one without, and the
// window scale is found after other TCP options.
func TestHeadersOfAllSizes(t *testing.T) {
	h := newHarness(t, setup{})
	for name, f := range wholeFrames() {
		if f.Proto != frame.ProtoTCP {
			continue
		}
		for _, by := range hooks {
			plain := frame.Frame{Src: f.Src, Dst: f.Dst, VLANs: f.VLANs, Proto: frame.ProtoTCP}
			key, _ := keyOf(plain, 40000, 443)
			h.expect(by, f.Bytes(), "new")
			flow := h.flow(key)
			if flow == nil || flow.Dir[0].Wscale != 7 || flow.Dir[0].End != 1000+1+33 {
				t.Fatalf("%s: %s: flow %+v", by, name, flow)
			}
			h.reset()
		}
	}
}

// A malformed option ends the search for the window scale.
func TestTCPOptions(t *testing.T) {
	h := newHarness(t, setup{})
	const none = 0x80
	for _, c := range []struct {
		name    string
		options []byte
		want    uint8
	}{
		{"none", nil, none},
		{"alone", []byte{3, 3, 5, 0}, 5},
		{"above the limit", []byte{3, 3, 15, 0}, 14},
		{"behind the end of options", []byte{0, 3, 3, 5}, none},
		{"after NOPs", []byte{1, 1, 1, 1, 1, 3, 3, 5}, 5},
		{"after an option without a length", []byte{8, 0, 3, 3, 5, 0, 0, 0}, none},
		{"after an option of length one", []byte{8, 1, 3, 3, 5, 0, 0, 0}, none},
		{"after an option that is too long", []byte{8, 60, 3, 3, 5, 0, 0, 0}, none},
		{"after an option longer than any can be", []byte{8, 66, 3, 3, 5, 0, 0, 0}, none},
		{"of a wrong length", []byte{3, 4, 5, 0}, none},
		{"cut off by the header's end", []byte{1, 1, 3, 3}, none},
		{"last of 40 bytes", append(make40(), 3, 3, 9), 9},
		{"said twice: the first holds", []byte{3, 3, 1, 3, 3, 9, 0, 0}, 1},
	} {
		for _, by := range hooks {
			s := frame.Segment{Flags: frame.SYN, Seq: 1, Window: 1, Sport: 40000, Dport: 443, Options: c.options, Payload: 4}
			f := frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoTCP, L4: s.Bytes()}
			key, _ := keyOf(f, 40000, 443)
			h.expect(by, f.Bytes(), "new")
			if got := h.flow(key).Dir[0].Wscale; got != c.want {
				t.Errorf("%s: %s: window scale %d, want %d", by, c.name, got, c.want)
			}
			h.reset()
		}
	}
}

// make40 returns 37 NOPs.
func make40() []byte {
	b := make([]byte, 37, 40)
	for i := range b {
		b[i] = 1
	}
	return b
}
