package bpf

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"ctop/internal/frame"
)

// errorAbout returns an ICMP error from a router to the source of the packet that it
// quotes. The quote has size bytes.
func errorAbout(quoted frame.Frame, kind uint8, size int) frame.Frame {
	router := netip.MustParseAddr("203.0.113.1")
	f := frame.Frame{Src: router, Dst: quoted.Src, Proto: frame.ProtoICMP}
	if quoted.Src.Is6() {
		f.Src, f.Proto = netip.MustParseAddr("2001:db8::fe"), frame.ProtoICMPv6
	}
	inner := quoted.Bytes()[frame.HeaderSize+4*len(quoted.VLANs):]
	f.VLANs = quoted.VLANs
	f.L4 = append([]byte{kind, 0, 0, 0, 0, 0, 0, 0}, inner[:min(size, len(inner))]...)
	return f
}

// errorTypes returns the ICMP types that quote a packet.
func errorTypes(addr netip.Addr) []uint8 {
	if addr.Is4() {
		return []uint8{3, 4, 5, 11, 12}
	}
	return []uint8{1, 2, 3, 4}
}

// An error is related to the flow whose packet it quotes, in either direction. It
// neither ends the flow nor keeps it alive.
func TestErrors(t *testing.T) {
	h := newHarness(t, setup{})
	for name, f := range wholeFrames() {
		if f.Proto == frame.ProtoGRE {
			continue
		}
		answer := f.Reply(frame.Datagram(443, 40000, 30))
		switch f.Proto {
		case frame.ProtoSCTP, frame.ProtoDCCP:
			answer.L4 = frame.PortsFirst(443, 40000, 40)
		case frame.ProtoTCP:
			answer.L4 = frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 1, Ack: 1001, Sport: 443, Dport: 40000}.Bytes()
		case frame.ProtoICMP:
			answer.L4 = frame.ICMP(0, 0, 9, 24)
		case frame.ProtoICMPv6:
			answer.L4 = frame.ICMP(129, 0, 9, 24)
		}
		for _, by := range hooks {
			for _, kind := range errorTypes(f.Src) {
				h.reset()
				h.enforce(true)
				h.expect(by, errorAbout(f, kind, 1200).Bytes(), "invalid/icmp")
				h.expect(by, f.Bytes(), "new")
				h.drain()
				h.wait(1)
				flows := h.table()
				h.expect(by, errorAbout(f, kind, 1200).Bytes(), "related")
				h.expect(by, errorAbout(answer, kind, 1200).Bytes(), "related")
				for key, flow := range flows {
					flow.Reply.Others += 2
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

// An error must quote at least eight bytes of the transport header.
func TestErrorsCutShort(t *testing.T) {
	h := newHarness(t, setup{})
	for _, f := range []frame.Frame{synFrame(client4, server4), synFrame(client6, server6)} {
		header := len(f.Bytes()) - frame.HeaderSize - len(f.L4)
		for _, by := range hooks {
			h.reset()
			h.expect(by, f.Bytes(), "new")
			for size := range header + 9 {
				want := "invalid/malformed"
				if size >= header+8 {
					want = "related"
				}
				h.expect(by, errorAbout(f, 3, size).Bytes(), want)
			}
			h.expectFlows(1)
		}
	}
}

// An error that quotes a later fragment, or a packet of another VLAN, is not related.
func TestErrorsAboutOthers(t *testing.T) {
	h := newHarness(t, setup{})
	f := udpFrame(client4, server4, 1, 2, 30)
	later := f
	later.Fragment = 50
	tagged := f
	tagged.VLANs = []uint16{5}
	other := udpFrame(client4, server4, 2, 1, 30)
	for _, by := range hooks {
		h.reset()
		h.expect(by, f.Bytes(), "new")
		h.expect(by, errorAbout(later, 11, 100).Bytes(), "untracked")
		h.expect(by, errorAbout(tagged, 3, 100).Bytes(), "invalid/icmp")
		h.expect(by, errorAbout(other, 3, 100).Bytes(), "invalid/icmp")
		h.expect(by, errorAbout(f, 3, 100).Bytes(), "related")
		h.expectFlows(1)
	}
}

// An error goes to the sender of the packet that it quotes. One that goes to another
// host is forged (RFC 1122 3.2.2, RFC 4443 2.4).
func TestErrorsToAnother(t *testing.T) {
	h := newHarness(t, setup{})
	for _, f := range []frame.Frame{udpFrame(client4, server4, 1, 2, 30), udpFrame(client6, server6, 1, 2, 30)} {
		for _, by := range hooks {
			for _, kind := range errorTypes(f.Src) {
				h.reset()
				h.enforce(true)
				h.expect(by, f.Bytes(), "new")
				flows := h.table()
				for _, to := range []netip.Addr{f.Dst, f.Src.Next()} {
					e := errorAbout(f, kind, 100)
					e.Dst = to
					h.expect(by, e.Bytes(), "invalid/icmp")
				}
				h.expectTable(flows)
			}
		}
	}
}

// A quote that ends with the IP header is complete if the protocol has no header
// that is tracked, and truncated if it has one.
func TestErrorsAboutHeaders(t *testing.T) {
	h := newHarness(t, setup{})
	for _, c := range []struct {
		quoted frame.Frame
		want   string
	}{
		{frame.Frame{Src: client6, Dst: server6, Proto: frame.ProtoNoNext}, "related"},
		{frame.Frame{Src: client6, Dst: server6, Proto: frame.ProtoNoNext, Extensions: extensions}, "related"},
		{frame.Frame{Src: client4, Dst: server4, Proto: 253}, "related"},
		{frame.Frame{Src: client6, Dst: server6, Proto: frame.ProtoUDP, L4: frame.Datagram(1, 2, 9)[:4]}, "invalid/malformed"},
		{frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoSCTP, L4: frame.PortsFirst(1, 2, 4)}, "invalid/malformed"},
	} {
		for _, by := range hooks {
			h.reset()
			whole := c.quoted
			if proto := whole.Proto; proto == frame.ProtoUDP || proto == frame.ProtoSCTP {
				whole.L4 = frame.PortsFirst(1, 2, 20)
				binary.BigEndian.PutUint16(whole.L4[4:], 20)
			}
			h.expect(by, whole.Bytes(), "new")
			h.expect(by, errorAbout(c.quoted, errorTypes(c.quoted.Src)[0], 100).Bytes(), c.want)
			h.expectFlows(1)
		}
	}
}

// Later fragments have no ports, but count for the flow of the first one and keep it
// alive.
func TestFragmentsOfAFlow(t *testing.T) {
	h := newHarness(t, setup{})
	for _, v6 := range []bool{false, true} {
		first := udpFrame(client4, server4, 1, 2, 600)
		if v6 {
			first = udpFrame(client6, server6, 1, 2, 600)
			first.Extensions = []frame.Extension{fragmentHeader(0, true)}
		}
		first.L4 = first.L4[:400]
		first.Fragment = frame.MoreFragments
		later := first
		later.L4, later.Fragment = frame.Payload(208), 50
		if v6 {
			later.Extensions = []frame.Extension{fragmentHeader(400, false)}
		}
		key, _ := keyOf(first, 1, 2)
		for _, by := range hooks {
			h.reset()
			h.expect(by, first.Bytes(), "new")
			h.wait(10)
			h.expect(by, later.Bytes(), "new")
			other := later.Bytes()
			other = bytes.Replace(other, client4.AsSlice(), []byte{192, 0, 2, 77}, 1)
			other = bytes.Replace(other, client6.AsSlice(), server6.Next().AsSlice(), 1)
			h.expect(by, other, "untracked")
			// The identification is in the IPv4 header, or at the end of
			// the fragment header.
			another, id := later.Bytes(), frame.HeaderSize+5
			if v6 {
				id = frame.HeaderSize + 40 + 7
			}
			another[id]++
			h.expect(by, another, "untracked")
			h.expectFlows(1)
			flow := h.flow(key)
			if want := uint64(len(first.Bytes()) + len(later.Bytes())); flow.Origin.Packets != 2 || flow.Origin.Bytes != want {
				t.Errorf("%s: v6 %t: %+v, want %d bytes", by, v6, flow.Dir[0], want)
			}
			if flow.Origin.LastSeenTicks != h.config.InjectedTicks {
				t.Errorf("%s: v6 %t: not refreshed", by, v6)
			}
		}
	}
}

// IPv6 fragments may have extension headers after the fragment header. Later ones
// name the first of these, not the protocol (RFC 8200 4.5).
func TestFragmentsBehindExtensions(t *testing.T) {
	h := newHarness(t, setup{})
	first := udpFrame(client6, server6, 1, 2, 600)
	first.L4 = first.L4[:400]
	first.Extensions = []frame.Extension{fragmentHeader(0, true), {Number: frame.ProtoDestination, Rest: []byte{0, 1, 4, 0, 0, 0, 0}}}
	later := first
	later.L4, later.Proto = frame.Payload(208), frame.ProtoDestination
	later.Extensions = []frame.Extension{fragmentHeader(408, false)}
	key, _ := keyOf(first, 1, 2)
	for _, by := range hooks {
		h.reset()
		h.expect(by, first.Bytes(), "new")
		h.expect(by, later.Bytes(), "new")
		h.expectFlows(1)
		if flow := h.flow(key); flow == nil || flow.Origin.Packets != 2 {
			t.Errorf("%s: the flow is %+v", by, flow)
		}
	}
}
