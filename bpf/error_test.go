package bpf

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
)

// errorAbout is an ICMP error from a router on the way to the source of the
// packet that it quotes, of which it has size bytes.
func errorAbout(quoted frame, kind uint8, size int) frame {
	router := netip.MustParseAddr("203.0.113.1")
	f := frame{src: router, dst: quoted.src, proto: protoICMP}
	if quoted.src.Is6() {
		f.src, f.proto = netip.MustParseAddr("2001:db8::fe"), protoICMPv6
	}
	inner := quoted.bytes()[ethernetHeader+4*len(quoted.vlans):]
	f.vlans = quoted.vlans
	f.l4 = append([]byte{kind, 0, 0, 0, 0, 0, 0, 0}, inner[:min(size, len(inner))]...)
	return f
}

// errorTypes are the ICMP messages that quote a packet.
func errorTypes(addr netip.Addr) []uint8 {
	if addr.Is4() {
		return []uint8{3, 4, 5, 11, 12}
	}
	return []uint8{1, 2, 3, 4}
}

// reversed is the frame that goes the other way; l4 is its own.
func (f frame) reversed(l4 []byte) frame {
	f.src, f.dst, f.l4 = f.dst, f.src, l4
	return f
}

// An error is related to the flow whose packet it quotes, whichever direction
// that went. It neither ends the flow nor keeps it alive.
func TestErrors(t *testing.T) {
	h := newHarness(t, setup{})
	for name, f := range wholeFrames() {
		if f.proto == protoGRE {
			continue
		}
		answer := f.reversed(datagram(443, 40000, 30))
		switch f.proto {
		case protoSCTP, protoDCCP:
			answer.l4 = portsFirst(443, 40000, 40)
		case protoTCP:
			answer.l4 = segment{flags: syn | ack, seq: 1, ack: 1001, sport: 443, dport: 40000}.bytes()
		case protoICMP:
			answer.l4 = icmp(0, 0, 9, 24)
		case protoICMPv6:
			answer.l4 = icmp(129, 0, 9, 24)
		}
		for _, by := range hooks {
			for _, kind := range errorTypes(f.src) {
				h.reset()
				h.enforce(true)
				h.expect(by, errorAbout(f, kind, 1200).bytes(), "invalid/icmp")
				h.expect(by, f.bytes(), "new")
				h.drain()
				h.wait(1)
				flows := h.table()
				h.expect(by, errorAbout(f, kind, 1200).bytes(), "related")
				h.expect(by, errorAbout(answer, kind, 1200).bytes(), "related")
				for key, flow := range flows {
					flow.Related += 2
					flows[key] = flow
				}
				h.expectTable(flows)
				if events := h.drain(); len(events) != 0 {
					t.Fatalf("%s: %s: %d events", by, name, len(events))
				}
			}
		}
	}
}

// Eight bytes of the quoted transport header are enough, and needed.
func TestErrorsCutShort(t *testing.T) {
	h := newHarness(t, setup{})
	for _, f := range []frame{synFrame(client4, server4), synFrame(client6, server6)} {
		header := len(f.bytes()) - ethernetHeader - len(f.l4)
		for _, by := range hooks {
			h.reset()
			h.expect(by, f.bytes(), "new")
			for size := range header + 9 {
				want := "invalid/malformed"
				if size >= header+8 {
					want = "related"
				}
				h.expect(by, errorAbout(f, 3, size).bytes(), want)
			}
			h.expectFlows(1)
		}
	}
}

// An error that quotes a later fragment, or another VLAN's packet, is not
// attributed.
func TestErrorsAboutOthers(t *testing.T) {
	h := newHarness(t, setup{})
	f := udpFrame(client4, server4, 1, 2, 30)
	later := f
	later.fragment = 50
	tagged := f
	tagged.vlans = []uint16{5}
	other := udpFrame(client4, server4, 2, 1, 30)
	for _, by := range hooks {
		h.reset()
		h.expect(by, f.bytes(), "new")
		h.expect(by, errorAbout(later, 11, 100).bytes(), "untracked")
		h.expect(by, errorAbout(tagged, 3, 100).bytes(), "invalid/icmp")
		h.expect(by, errorAbout(other, 3, 100).bytes(), "invalid/icmp")
		h.expect(by, errorAbout(f, 3, 100).bytes(), "related")
		h.expectFlows(1)
	}
}

// An error goes to whoever sent the packet that it quotes; one that goes elsewhere
// was forged (RFC 1122 3.2.2, RFC 4443 2.4).
func TestErrorsToAnother(t *testing.T) {
	h := newHarness(t, setup{})
	for _, f := range []frame{udpFrame(client4, server4, 1, 2, 30), udpFrame(client6, server6, 1, 2, 30)} {
		for _, by := range hooks {
			for _, kind := range errorTypes(f.src) {
				h.reset()
				h.enforce(true)
				h.expect(by, f.bytes(), "new")
				flows := h.table()
				for _, to := range []netip.Addr{f.dst, f.src.Next()} {
					e := errorAbout(f, kind, 100)
					e.dst = to
					h.expect(by, e.bytes(), "invalid/icmp")
				}
				h.expectTable(flows)
			}
		}
	}
}

// A quoted packet that ends with its IP header is quoted whole where its protocol
// has no header, and cut short where it has one.
func TestErrorsAboutHeaders(t *testing.T) {
	h := newHarness(t, setup{})
	for _, c := range []struct {
		quoted frame
		want   string
	}{
		{frame{src: client6, dst: server6, proto: protoNoNext}, "related"},
		{frame{src: client6, dst: server6, proto: protoNoNext, extensions: extensions}, "related"},
		{frame{src: client4, dst: server4, proto: 253}, "related"},
		{frame{src: client6, dst: server6, proto: protoUDP, l4: datagram(1, 2, 9)[:4]}, "invalid/malformed"},
		{frame{src: client4, dst: server4, proto: protoSCTP, l4: portsFirst(1, 2, 4)}, "invalid/malformed"},
	} {
		for _, by := range hooks {
			h.reset()
			whole := c.quoted
			if proto := whole.proto; proto == protoUDP || proto == protoSCTP {
				whole.l4 = portsFirst(1, 2, 20)
				binary.BigEndian.PutUint16(whole.l4[4:], 20)
			}
			h.expect(by, whole.bytes(), "new")
			h.expect(by, errorAbout(c.quoted, errorTypes(c.quoted.src)[0], 100).bytes(), c.want)
			h.expectFlows(1)
		}
	}
}

// Later fragments count for the flow of the first, whose ports they lack, and
// keep it alive.
func TestFragmentsOfAFlow(t *testing.T) {
	h := newHarness(t, setup{})
	for _, v6 := range []bool{false, true} {
		first := udpFrame(client4, server4, 1, 2, 600)
		if v6 {
			first = udpFrame(client6, server6, 1, 2, 600)
			first.extensions = []extension{fragmentHeader(0, true)}
		}
		first.l4 = first.l4[:400]
		first.fragment = ipv4MoreFragments
		later := first
		later.l4, later.fragment = payload(208), 50
		if v6 {
			later.extensions = []extension{fragmentHeader(400, false)}
		}
		key, _ := keyOf(first, 1, 2)
		for _, by := range hooks {
			h.reset()
			h.expect(by, first.bytes(), "new")
			h.wait(10)
			h.expect(by, later.bytes(), "new")
			other := later.bytes()
			other = bytes.Replace(other, client4.AsSlice(), []byte{192, 0, 2, 77}, 1)
			other = bytes.Replace(other, client6.AsSlice(), server6.Next().AsSlice(), 1)
			h.expect(by, other, "untracked")
			// The identification is in the IP header, or ends the
			// fragment header.
			another, id := later.bytes(), ethernetHeader+5
			if v6 {
				id = ethernetHeader + 40 + 7
			}
			another[id]++
			h.expect(by, another, "untracked")
			h.expectFlows(1)
			flow := h.flow(key)
			if want := uint64(len(first.bytes()) + len(later.bytes())); flow.Dir[0].Packets != 2 || flow.Dir[0].Bytes != want {
				t.Errorf("%s: v6 %t: %+v, want %d bytes", by, v6, flow.Dir[0], want)
			}
			if flow.Dir[0].LastSeenTicks != h.config.InjectedTicks {
				t.Errorf("%s: v6 %t: not refreshed", by, v6)
			}
		}
	}
}

// IPv6 fragments may have other extension headers behind the fragment header: the
// later ones name the first of those, not the protocol (RFC 8200 4.5).
func TestFragmentsBehindExtensions(t *testing.T) {
	h := newHarness(t, setup{})
	first := udpFrame(client6, server6, 1, 2, 600)
	first.l4 = first.l4[:400]
	first.extensions = []extension{fragmentHeader(0, true), {protoDestination, []byte{0, 1, 4, 0, 0, 0, 0}}}
	later := first
	later.l4, later.proto = payload(208), protoDestination
	later.extensions = []extension{fragmentHeader(408, false)}
	key, _ := keyOf(first, 1, 2)
	for _, by := range hooks {
		h.reset()
		h.expect(by, first.bytes(), "new")
		h.expect(by, later.bytes(), "new")
		h.expectFlows(1)
		if flow := h.flow(key); flow == nil || flow.Dir[0].Packets != 2 {
			t.Errorf("%s: the flow is %+v", by, flow)
		}
	}
}
