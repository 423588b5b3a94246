package frame_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/gopacket/gopacket/layers"

	"ctop/internal/frame"
)

func TestFragmentsOfIPv4(t *testing.T) {
	packet := frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoUDP, ID: 7, L4: frame.Datagram(1, 2, 92)}.Packet()
	var whole []byte
	pieces := frame.Fragments(packet, 68, 77)
	for i, piece := range pieces {
		ip := layer[*layers.IPv4](t, dissect(t, frame.Around(piece)))
		last := i == len(pieces)-1
		if ip.Id != 77 || int(ip.FragOffset)*8 != len(whole) || ip.Protocol != layers.IPProtocolUDP ||
			(ip.Flags&layers.IPv4MoreFragments == 0) != last || int(ip.Length) != len(piece) || len(piece) > 68 {
			t.Errorf("fragment %d: %+v", i, ip)
		}
		if frame.Fold(frame.Sum(ip.Contents)) != 0xffff {
			t.Errorf("fragment %d: the header's checksum is %#x", i, ip.Checksum)
		}
		whole = append(whole, ip.Payload...)
	}
	if !bytes.Equal(whole, packet[20:]) || len(pieces) != 3 {
		t.Errorf("%d fragments: %x", len(pieces), whole)
	}
}

func TestFragmentsOfIPv6(t *testing.T) {
	packet := frame.Frame{Src: client6, Dst: server6, Proto: frame.ProtoUDP, L4: frame.Datagram(1, 2, 92)}.Packet()
	var whole []byte
	pieces := frame.Fragments(packet, 96, 77)
	for i, piece := range pieces {
		p := dissect(t, frame.Around(piece))
		ip, header := layer[*layers.IPv6](t, p), layer[*layers.IPv6Fragment](t, p)
		if int(ip.Length) != len(piece)-40 || ip.NextHeader != layers.IPProtocolIPv6Fragment || len(piece) > 96 {
			t.Errorf("fragment %d: %+v", i, ip)
		}
		if header.Identification != 1<<16|77 || int(header.FragmentOffset)*8 != len(whole) ||
			header.NextHeader != layers.IPProtocolUDP || header.MoreFragments == (i == len(pieces)-1) {
			t.Errorf("fragment %d: %+v", i, header)
		}
		whole = append(whole, header.Payload...)
	}
	if !bytes.Equal(whole, packet[40:]) || len(pieces) != 3 {
		t.Errorf("%d fragments: %x", len(pieces), whole)
	}
}

func TestFragmentsThatAreNone(t *testing.T) {
	packet := frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoUDP, L4: frame.Datagram(1, 2, 92)}.Packet()
	for _, mtu := range []int{0, 120, 1500} {
		if got := frame.Fragments(packet, mtu, 77); len(got) != 1 || !bytes.Equal(got[0], packet) {
			t.Errorf("mtu %d: %x", mtu, got)
		}
	}
	for mtu, want := range map[int]int{119: 2, 20: 13, 1: 13} {
		if got := frame.Fragments(slices.Clone(packet), mtu, 77); len(got) != want {
			t.Errorf("mtu %d: %d fragments, want %d", mtu, len(got), want)
		}
	}
}
