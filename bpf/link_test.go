package bpf

import (
	"encoding/binary"
	"testing"

	"ctop/internal/frame"
)

// header is a header between Ethernet and IP: its ethertype, and its bytes up to the
// next ethertype. PPPoE and MPLS are not followed by one.
type header struct {
	ethertype uint16
	bytes     []byte
}

func tag(ethertype, id uint16) header {
	return header{ethertype, binary.BigEndian.AppendUint16(nil, id)}
}

// session returns a PPPoE header with a PPP protocol.
func session(id, proto uint16) header {
	b := []byte{0x11, 0}
	for _, v := range []uint16{id, 1000, proto} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return header{frame.EtherPPPoE, b}
}

// labels returns a stack of MPLS labels.
func labels(n int) header {
	var b []byte
	for i := range n {
		label := uint32(1000+i)<<12 | 64
		if i == n-1 {
			label |= 0x100
		}
		b = binary.BigEndian.AppendUint32(b, label)
	}
	return header{frame.EtherMPLS, b}
}

// behind returns the frame with headers before IP.
func behind(f frame.Frame, headers ...header) []byte {
	whole := f.Bytes()
	b := append([]byte(nil), whole[:12]...)
	for _, h := range headers {
		b = binary.BigEndian.AppendUint16(b, h.ethertype)
		b = append(b, h.bytes...)
	}
	if last := headers[len(headers)-1].ethertype; last == frame.EtherMPLS || last == frame.EtherPPPoE {
		return append(b, whole[frame.HeaderSize:]...)
	}
	return append(b, whole[12:]...)
}

// Tags, PPPoE and labels are skipped, up to a limit. VLANs and sessions are part of the
// key. Labels are not, since they differ between the directions.
func TestLinkHeaders(t *testing.T) {
	h := newHarness(t, setup{})
	const ipv4, ipv6 = 0x0021, 0x0057
	type key struct{ outer, inner, third, session uint16 }
	for _, c := range []struct {
		name    string
		headers []header
		want    key
		v6      bool
	}{
		{"0x9100", []header{tag(frame.EtherQinQ1, 5)}, key{outer: 5}, false},
		{"0x9100 twice", []header{tag(frame.EtherQinQ1, 5), tag(frame.EtherQinQ1, 6)}, key{outer: 5, inner: 6}, true},
		{"three tags", []header{tag(frame.EtherQinQ, 5), tag(frame.EtherVLAN, 6), tag(frame.EtherVLAN, 7)}, key{5, 6, 7, 0}, false},
		{"priority tags", []header{tag(frame.EtherVLAN, 0), tag(frame.EtherVLAN, 6), tag(frame.EtherVLAN, 0), tag(frame.EtherVLAN, 7)}, key{outer: 6, inner: 7}, false},
		{"PPPoE", []header{session(9, ipv4)}, key{session: 9}, false},
		{"PPPoE with IPv6", []header{session(9, ipv6)}, key{session: 9}, true},
		{"PPPoE in QinQ", []header{tag(frame.EtherQinQ, 5), tag(frame.EtherVLAN, 6), session(9, ipv4)}, key{5, 6, 0, 9}, false},
		{"a label", []header{labels(1)}, key{}, false},
		{"labels", []header{labels(3)}, key{}, true},
		{"seven labels in a VLAN", []header{tag(frame.EtherVLAN, 5), labels(7)}, key{outer: 5}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.t = t
			f := udpFrame(client4, server4, 1, 2, 30)
			if c.v6 {
				f = udpFrame(client6, server6, 1, 2, 30)
			}
			for _, by := range hooks {
				h.reset()
				h.expect(by, behind(f, c.headers...), "new")
				want, _ := keyOf(f, 1, 2)
				want.Vlan = [2]uint16{c.want.outer, c.want.inner}
				want.VlanThird, want.Session = c.want.third, c.want.session
				if h.flow(want) == nil {
					t.Fatalf("%s: no flow under %+v in %+v", by, want, h.table())
				}
				h.expect(by, behind(f.Reply(frame.Datagram(2, 1, 30)), c.headers...), "established")
				h.expectFlows(1)
			}
		})
	}
}

// Other link headers are untracked, counted by reason.
func TestLinkHeadersUntracked(t *testing.T) {
	h := newHarness(t, setup{})
	f := udpFrame(client4, server4, 1, 2, 30)
	other := session(9, 0x0021)
	other.bytes[0] = 0x21
	control := session(9, 0x0021)
	control.bytes[1] = 0xa7
	cut := behind(f, labels(2))
	for name, c := range map[string]struct {
		data   []byte
		reason ConntrackUntracked
	}{
		"four tags":              {behind(f, tag(frame.EtherQinQ, 5), tag(frame.EtherVLAN, 6), tag(frame.EtherVLAN, 7), tag(frame.EtherVLAN, 8)), ConntrackUntrackedUNTRACKED_ENCAPSULATION},
		"nine priority tags":     {behind(f, make9()...), ConntrackUntrackedUNTRACKED_ENCAPSULATION},
		"nine labels":            {behind(f, labels(9)), ConntrackUntrackedUNTRACKED_ENCAPSULATION},
		"LCP":                    {behind(f, session(9, 0xc021)), ConntrackUntrackedUNTRACKED_ENCAPSULATION},
		"another PPPoE":          {behind(f, other), ConntrackUntrackedUNTRACKED_ENCAPSULATION},
		"end of a session":       {behind(f, control), ConntrackUntrackedUNTRACKED_ENCAPSULATION},
		"Ethernet behind labels": {frame.Raw(frame.EtherMPLS, append(labels(2).bytes, f.Bytes()...)), ConntrackUntrackedUNTRACKED_ENCAPSULATION},
		"looks like IP":          {frame.Raw(frame.EtherMPLS, append(labels(1).bytes, append([]byte{0x45, 0, 0xff}, f.Bytes()...)...)), ConntrackUntrackedUNTRACKED_ENCAPSULATION},
		"looks like IPv6":        {frame.Raw(frame.EtherMPLS, append(labels(1).bytes, append([]byte{0x60, 0, 0, 0, 0, 9, frame.ProtoUDP, 1}, frame.Payload(80)...)...)), ConntrackUntrackedUNTRACKED_ENCAPSULATION},
		"cut behind labels":      {cut[:len(cut)-20], ConntrackUntrackedUNTRACKED_ENCAPSULATION},
		"label alone":            {frame.Raw(frame.EtherMPLS, labels(1).bytes), ConntrackUntrackedUNTRACKED_NOT_IP},
		"ARP in a VLAN":          {frame.Raw(frame.EtherVLAN, append([]byte{0, 5, 8, 6}, frame.Payload(46)...)), ConntrackUntrackedUNTRACKED_NOT_IP},
		"router advertisement":   {icmpFrame(client4, server4, 9).Bytes(), ConntrackUntrackedUNTRACKED_DISCOVERY},
		"later fragment":         {piece{400, 800, false, ""}.of(udpFrame(client4, server4, 3, 4, 1000)), ConntrackUntrackedUNTRACKED_FRAGMENT},
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			for _, by := range hooks {
				for _, enforce := range []bool{false, true} {
					h.reset()
					h.enforce(enforce)
					before := h.counters()
					h.expect(by, c.data, "untracked")
					h.expectFlows(0)
					if n := h.since(before).Untracked[c.reason]; n != 1 {
						t.Errorf("%s: counted %+v", by, h.since(before).Untracked)
					}
				}
			}
		})
	}
}

func make9() (headers []header) {
	for range 9 {
		headers = append(headers, tag(frame.EtherVLAN, 0))
	}
	return headers
}
