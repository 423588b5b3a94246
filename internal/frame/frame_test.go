package frame_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"ctop/internal/frame"
)

var (
	client4 = netip.MustParseAddr("192.0.2.1")
	server4 = netip.MustParseAddr("198.51.100.9")
	client6 = netip.MustParseAddr("2001:db8::1")
	server6 = netip.MustParseAddr("2001:db8::9")
)

// dissect reads a frame by other code than that which built it.
func dissect(t *testing.T, data []byte) gopacket.Packet {
	t.Helper()
	p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.Default)
	if failed := p.ErrorLayer(); failed != nil {
		t.Fatalf("%v in %x", failed.Error(), data)
	}
	return p
}

// layer returns one layer of a frame.
func layer[L gopacket.Layer](t *testing.T, p gopacket.Packet) (found L) {
	t.Helper()
	for _, l := range p.Layers() {
		if l, ok := l.(L); ok {
			return l
		}
	}
	t.Fatalf("%T is missing in\n%s", found, p)
	return found
}

// checkSum holds the transport header to what its receiver checks (RFC 1071, RFC 8200 8.1).
func checkSum(t *testing.T, f frame.Frame, l4 []byte) {
	t.Helper()
	var all []byte
	if f.Proto != frame.ProtoICMP {
		all = append(f.Src.AsSlice(), f.Dst.AsSlice()...)
		all = binary.BigEndian.AppendUint32(all, uint32(len(l4)))
		all = binary.BigEndian.AppendUint32(all, uint32(f.Proto))
	}
	all = append(all, l4...)
	if len(all)%2 == 1 {
		all = append(all, 0)
	}
	sum := uint32(0)
	for i := 0; i < len(all); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(all[i:]))
		sum = sum&0xffff + sum>>16
	}
	if sum != 0xffff {
		t.Errorf("the sum over protocol %d is %#x", f.Proto, sum)
	}
}

func TestTCPInIPv4(t *testing.T) {
	f := frame.Frame{
		VLANs: []uint16{5, 6}, Src: client4, Dst: server4, Proto: frame.ProtoTCP, ID: 77,
		Options: []byte{1, 1, 1, 0}, Fragment: 0x4000, Padding: 3,
		L4: frame.Segment{
			Flags: frame.SYN | frame.ACK | frame.CWR, Seq: 1000, Ack: 5001, Window: 9,
			Options: []byte{3, 3, 7}, Payload: 5, Sport: 40000, Dport: 443,
		}.Bytes(),
	}
	data := f.Bytes()
	p := dissect(t, data)
	ip, tcp := layer[*layers.IPv4](t, p), layer[*layers.TCP](t, p)
	if !ip.SrcIP.Equal(client4.AsSlice()) || !ip.DstIP.Equal(server4.AsSlice()) || ip.Id != 77 || ip.TTL != 64 ||
		ip.IHL != 6 || ip.Flags != layers.IPv4DontFragment || ip.FragOffset != 0 || int(ip.Length) != 24+24+5 {
		t.Errorf("%+v", ip)
	}
	if frame.Fold(frame.Sum(ip.Contents)) != 0xffff {
		t.Errorf("the header's checksum is %#x", ip.Checksum)
	}
	if tcp.SrcPort != 40000 || tcp.DstPort != 443 || tcp.Seq != 1000 || tcp.Ack != 5001 || tcp.Window != 9 ||
		!tcp.SYN || !tcp.ACK || !tcp.CWR || tcp.FIN || tcp.RST || tcp.PSH || tcp.URG || tcp.ECE {
		t.Errorf("%+v", tcp)
	}
	if len(tcp.Options) != 2 || tcp.Options[0].OptionType != layers.TCPOptionKindWindowScale || tcp.Options[0].OptionData[0] != 7 {
		t.Errorf("options %v", tcp.Options)
	}
	if !bytes.Equal(tcp.Payload, frame.Payload(5)) {
		t.Errorf("payload %x", tcp.Payload)
	}
	checkSum(t, f, f.Transport())
	if want := 12 + 2*4 + 2 + 24 + 24 + 5 + 3; len(data) != want {
		t.Errorf("%d bytes, want %d", len(data), want)
	}
}

func TestTags(t *testing.T) {
	f := frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoGRE, L4: frame.Payload(8)}
	for _, c := range []struct {
		vlans []uint16
		types []uint16
	}{
		{nil, []uint16{frame.EtherIPv4}},
		{[]uint16{5}, []uint16{frame.EtherVLAN, frame.EtherIPv4}},
		{[]uint16{5, 6, 7}, []uint16{frame.EtherQinQ, frame.EtherVLAN, frame.EtherVLAN, frame.EtherIPv4}},
	} {
		f.VLANs = c.vlans
		data := f.Bytes()[12:]
		for i, want := range c.types {
			if got := binary.BigEndian.Uint16(data[4*i:]); got != want {
				t.Errorf("VLANs %v: ethertype %d is %#x, want %#x", c.vlans, i, got, want)
			}
			if i < len(c.vlans) && binary.BigEndian.Uint16(data[4*i+2:]) != c.vlans[i] {
				t.Errorf("VLANs %v: tag %d is %x", c.vlans, i, data[4*i+2:4*i+4])
			}
		}
	}
}

func TestAddresses(t *testing.T) {
	f := frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoGRE}
	if got, want := f.Bytes()[:12], []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}; !bytes.Equal(got, want) {
		t.Errorf("addresses %x, want %x", got, want)
	}
	f.MACs = [12]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	if got := f.Bytes(); !bytes.Equal(got[:12], f.MACs[:]) {
		t.Errorf("addresses %x, want %x", got[:12], f.MACs)
	}
	if got := frame.Around(f.Packet()); !bytes.Equal(got[12:], f.Bytes()[12:]) {
		t.Errorf("around the packet is %x", got)
	}
}

func TestExtensionHeaders(t *testing.T) {
	f := frame.Frame{
		Src: client6, Dst: server6, Proto: frame.ProtoUDP, ID: 77, L4: frame.Datagram(1053, 40000, 6),
		Extensions: []frame.Extension{
			{Number: frame.ProtoHopByHop, Rest: []byte{0, 1, 4, 0, 0, 0, 0}},
			{Number: frame.ProtoDestination, Rest: []byte{0, 1, 4, 0, 0, 0, 0}},
		},
	}
	p := dissect(t, f.Bytes())
	ip, udp := layer[*layers.IPv6](t, p), layer[*layers.UDP](t, p)
	if !ip.SrcIP.Equal(client6.AsSlice()) || !ip.DstIP.Equal(server6.AsSlice()) || ip.FlowLabel != 77 ||
		ip.HopLimit != 64 || ip.NextHeader != layers.IPProtocolIPv6HopByHop || int(ip.Length) != 16+8+6 {
		t.Errorf("%+v", ip)
	}
	if next := layer[*layers.IPv6HopByHop](t, p).NextHeader; next != layers.IPProtocolIPv6Destination {
		t.Errorf("after hop-by-hop comes %d", next)
	}
	if next := layer[*layers.IPv6Destination](t, p).NextHeader; next != layers.IPProtocolUDP {
		t.Errorf("after the destination options comes %d", next)
	}
	if udp.SrcPort != 1053 || udp.DstPort != 40000 || udp.Length != 14 || !bytes.Equal(udp.Payload, frame.Payload(6)) {
		t.Errorf("%+v", udp)
	}
	checkSum(t, f, f.Transport())
	if got := frame.Around(f.Packet()); !bytes.Equal(got, f.Bytes()) {
		t.Errorf("around the packet is %x", got)
	}
}

func TestChecksums(t *testing.T) {
	for _, f := range []frame.Frame{
		{Src: client4, Dst: server4, Proto: frame.ProtoTCP, L4: frame.Segment{Seq: 1, Payload: 7}.Bytes()},
		{Src: client4, Dst: server4, Proto: frame.ProtoUDP, L4: frame.Datagram(1, 2, 8)},
		{Src: client4, Dst: server4, Proto: frame.ProtoICMP, L4: frame.ICMP(8, 0, 9, 24)},
		{Src: client6, Dst: server6, Proto: frame.ProtoICMPv6, L4: frame.ICMP(128, 0, 9, 24)},
	} {
		at := frame.ChecksumAt(f.Proto)
		f.L4[at] = 0x55 // what is there does not count
		right := f.Transport()
		checkSum(t, f, right)
		f.Checksum = frame.Wrong
		if got := f.Transport(); got[at] != ^right[at] || got[at+1] != right[at+1] {
			t.Errorf("protocol %d: wrong is %x, right %x", f.Proto, got[at:at+2], right[at:at+2])
		}
		f.Checksum = frame.AsGiven
		if got := f.Transport(); !bytes.Equal(got, f.L4) {
			t.Errorf("protocol %d: as given is %x, given %x", f.Proto, got, f.L4)
		}
		if f.Proto == frame.ProtoICMP {
			continue
		}
		f.Checksum = frame.Unfinished
		if got, want := binary.BigEndian.Uint16(f.Transport()[at:]), frame.Fold(f.Pseudo()); got != want {
			t.Errorf("protocol %d: unfinished is %#x, want %#x", f.Proto, got, want)
		}
	}
}

// TestChecksumOfZero: UDP says by zero that there is none, so a sum of zero is sent as ones.
func TestChecksumOfZero(t *testing.T) {
	f := frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoUDP, L4: frame.Datagram(1, 2, 2)}
	binary.BigEndian.PutUint16(f.L4[8:], ^frame.Fold(f.Pseudo()+frame.Sum(f.L4[:8])))
	if got := f.Transport(); got[6] != 0xff || got[7] != 0xff {
		t.Errorf("%x", got)
	}
}

func TestProtocolsWithoutChecksum(t *testing.T) {
	for _, proto := range []uint8{frame.ProtoSCTP, frame.ProtoGRE} {
		f := frame.Frame{Src: client4, Dst: server4, Proto: proto, L4: frame.PortsFirst(40000, 443, 20)}
		if got := f.Transport(); frame.ChecksumAt(proto) != -1 || !bytes.Equal(got, f.L4) {
			t.Errorf("protocol %d: %x", proto, got)
		}
	}
	short := frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoTCP, L4: frame.Payload(17)}
	if got := short.Transport(); !bytes.Equal(got, short.L4) {
		t.Errorf("a header that is cut short: %x", got)
	}
}

func TestReply(t *testing.T) {
	f := frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoUDP, VLANs: []uint16{5}, L4: frame.Datagram(1, 2, 3)}
	r := f.Reply(frame.Datagram(2, 1, 4))
	if r.Src != server4 || r.Dst != client4 || r.VLANs[0] != 5 || !bytes.Equal(r.L4, frame.Datagram(2, 1, 4)) {
		t.Errorf("%+v", r)
	}
}

func TestPortsFirst(t *testing.T) {
	b := frame.PortsFirst(40000, 443, 12)
	if binary.BigEndian.Uint16(b) != 40000 || binary.BigEndian.Uint16(b[2:]) != 443 || !bytes.Equal(b[4:], frame.Payload(12)[4:]) {
		t.Errorf("%x", b)
	}
}

func TestRaw(t *testing.T) {
	p := dissect(t, frame.Raw(frame.EtherLLDP, nil))
	ethernet := layer[*layers.Ethernet](t, p)
	if ethernet.DstMAC.String() != "ff:ff:ff:ff:ff:ff" || ethernet.SrcMAC.String() != "02:00:00:00:00:01" {
		t.Errorf("%+v", ethernet)
	}
	if got := frame.Raw(frame.EtherARP, []byte{1, 2}); !bytes.Equal(got[12:], []byte{8, 6, 1, 2}) {
		t.Errorf("%x", got)
	}
}
