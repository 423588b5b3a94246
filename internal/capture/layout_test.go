package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"ctop/internal/capture"
)

// ipv4Of is an IPv4 packet with a payload and a fragment field.
func ipv4Of(proto byte, fragment uint16, payload ...byte) []byte {
	b := make([]byte, 20, 20+len(payload))
	b[0], b[8], b[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	binary.BigEndian.PutUint16(b[6:], fragment)
	copy(b[12:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
	return append(b, payload...)
}

func ipv6Of(next byte, payload ...byte) []byte {
	b := make([]byte, 40, 40+len(payload))
	b[0], b[6], b[7], b[23], b[39] = 0x60, next, 64, 1, 2
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	return append(b, payload...)
}

// ether puts link headers before a packet: each ethertype, and the bytes up to
// the next one.
func ether(packet []byte, link ...byte) []byte {
	return append(append(make([]byte, 12), link...), packet...)
}

// sized returns a payload of n bytes that begins with the given ones.
func sized(n int, begin ...byte) []byte { return append(begin, make([]byte, n-len(begin))...) }

// TestCutKinds truncates packets of every kind right after their headers, and
// one byte earlier. Only packets with complete headers get their length back.
func TestCutKinds(t *testing.T) {
	tcp := sized(500, 0, 1, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0x80)
	quoted := sized(500, append(sized(8, 3, 1), ipv4Of(17, 0, sized(8, 0, 1, 0, 2)...)...)...)
	for name, c := range map[string]struct {
		frame   []byte
		headers int
	}{
		"TCP with options":       {ether(ipv4Of(6, 0, tcp...), 8, 0), 14 + 20 + 32},
		"UDP":                    {ether(ipv4Of(17, 0, sized(500)...), 8, 0), 14 + 20 + 8},
		"SCTP":                   {ether(ipv4Of(132, 0, sized(500)...), 8, 0), 14 + 20 + 12},
		"DCCP over IPv6":         {ether(ipv6Of(33, sized(500)...), 0x86, 0xdd), 14 + 40 + 12},
		"UDP-Lite":               {ether(ipv4Of(136, 0, sized(500)...), 8, 0), 14 + 20 + 8},
		"GRE":                    {ether(ipv4Of(47, 0, sized(500)...), 8, 0), 14 + 20},
		"ESP":                    {ether(ipv4Of(50, 0, sized(500)...), 8, 0), 14 + 20},
		"AH":                     {ether(ipv6Of(51, sized(500)...), 0x86, 0xdd), 14 + 40},
		"echo":                   {ether(ipv4Of(1, 0, sized(500, 8)...), 8, 0), 14 + 20 + 8},
		"ICMP error":             {ether(ipv4Of(1, 0, quoted...), 8, 0), 14 + 20 + 8 + 20 + 8},
		"first fragment":         {ether(ipv4Of(17, 0x2000, sized(504)...), 8, 0), 14 + 20 + 8},
		"later fragment":         {ether(ipv4Of(6, 0x2010, sized(504)...), 8, 0), 14 + 20},
		"later fragment of IPv6": {ether(ipv6Of(44, sized(504, 6, 0, 1, 1)...), 0x86, 0xdd), 14 + 40 + 8},
		"extension headers":      {ether(ipv6Of(0, sized(500, 60, 0, 1, 4, 0, 0, 0, 0, 17, 1)...), 0x86, 0xdd), 14 + 40 + 8 + 16 + 8},
		"three tags":             {ether(ipv4Of(17, 0, sized(500)...), 0x88, 0xa8, 0, 5, 0x91, 0, 0, 6, 0x81, 0, 0, 7, 8, 0), 26 + 20 + 8},
		"PPPoE":                  {ether(ipv4Of(17, 0, sized(500)...), 0x88, 0x64, 0x11, 0, 0, 1, 0, 9, 0, 0x21), 22 + 20 + 8},
		"labels":                 {ether(ipv6Of(17, sized(500)...), 0x88, 0x47, 0, 0, 0x10, 64, 0, 0, 0x21, 64), 22 + 40 + 8},
	} {
		t.Run(name, func(t *testing.T) {
			for _, snap := range []int{c.headers, c.headers - 1} {
				r, err := capture.NewReader(readerOf(pcap(t, layers.LinkTypeEthernet, snap, c.frame)))
				if err != nil {
					t.Fatal(err)
				}
				f, err := r.Next()
				if snap < c.headers && name != "TCP with options" {
					if !errors.Is(err, io.EOF) || r.Skipped().Short != 1 {
						t.Errorf("captured %d: %v, %+v", snap, err, r.Skipped())
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if len(f.Data) != len(c.frame) {
					t.Errorf("%d bytes of %d, captured %d", len(f.Data), len(c.frame), snap)
				}
			}
		})
	}
}

// TestLengthOfZero reads TCP packets that a card of Windows was to segment: without an IP length,
// though it would have room for theirs.
func TestLengthOfZero(t *testing.T) {
	segment := sized(4116, 0, 1, 0, 2, 0, 0, 0, 100, 0, 0, 0, 0, 0x50, 0x18)
	for name, c := range map[string]struct {
		frame        []byte
		length, want int
	}{
		"IPv4":           {ether(ipv4Of(6, 0, segment...), 8, 0), 16, 4136},
		"IPv6 in a VLAN": {ether(ipv6Of(6, segment...), 0x81, 0, 0, 5, 0x86, 0xdd), 22, 4116},
		"a later part":   {ether(ipv4Of(6, 0x2010, segment...), 8, 0), 16, 0},
		"UDP":            {ether(ipv4Of(17, 0, segment...), 8, 0), 16, 0},
	} {
		binary.BigEndian.PutUint16(c.frame[c.length:], 0)
		for _, snap := range []int{1 << 18, 200} {
			r, err := capture.NewReader(readerOf(pcap(t, layers.LinkTypeEthernet, snap, c.frame)))
			if err != nil {
				t.Fatal(err)
			}
			f, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if told := int(binary.BigEndian.Uint16(f.Data[c.length:])); told != c.want || len(f.Data) != len(c.frame) {
				t.Errorf("%s, captured %d: the IP length is %d, not %d, of a frame of %d", name, snap, told, c.want, len(f.Data))
			}
		}
	}
}

// TestBigTCP reads packets longer than IP's length field allows, in pieces with
// the numbers and flags of segments.
func TestBigTCP(t *testing.T) {
	const payload = 150_000
	segment := sized(20+payload, 0, 1, 0, 2, 0, 0, 0, 100, 0, 0, 0, 0, 0x50, 0x99)
	for i := range payload {
		segment[20+i] = byte(i >> 8)
	}
	jumbo := ipv6Of(0, append([]byte{6, 0, 0xc2, 4, 0, 2, 0x4a, 0x0c}, segment...)...)
	plain, four := ipv6Of(6, segment...), ipv4Of(6, 0, segment...)
	for name, c := range map[string]struct {
		frame            []byte
		network, headers int
	}{
		"a jumbo payload option": {ether(jumbo, 0x86, 0xdd), 14, 14 + 40 + 20},
		"IPv6":                   {ether(plain, 0x86, 0xdd), 14, 14 + 40 + 20},
		"IPv4 in a VLAN":         {ether(four, 0x81, 0, 0, 5, 8, 0), 18, 18 + 20 + 20},
	} {
		length := c.network + 2
		if c.frame[c.network]>>4 == 6 {
			length += 2
		}
		binary.BigEndian.PutUint16(c.frame[length:], 0)
		for _, snap := range []int{1 << 18, 200} {
			t.Run(name, func(t *testing.T) {
				r, err := capture.NewReader(readerOf(pcap(t, layers.LinkTypeEthernet, snap, c.frame, segmentOf(t))))
				if err != nil {
					t.Fatal(err)
				}
				seq, wantFlags := uint32(100), []byte{0x90, 0x10, 0x19}
				for i, want := range []int{60_000, 60_000, 30_000} {
					f, err := r.Next()
					if err != nil {
						t.Fatal(err)
					}
					if len(f.Data) != c.headers+want {
						t.Fatalf("piece %d has %d bytes", i, len(f.Data))
					}
					tcp := f.Data[c.headers-20:]
					if got := binary.BigEndian.Uint32(tcp[4:]); got != seq || tcp[13] != wantFlags[i] {
						t.Errorf("piece %d: number %d, flags %#x", i, got, tcp[13])
					}
					rest := len(f.Data) - c.network
					if f.Data[c.network]>>4 == 6 {
						if rest -= 40; f.Data[c.network+6] != 6 {
							t.Errorf("piece %d has the next header %d", i, f.Data[c.network+6])
						}
					}
					if told := int(binary.BigEndian.Uint16(f.Data[length:])); told != rest {
						t.Errorf("piece %d tells a length of %d, not %d", i, told, rest)
					}
					if snap > 1<<17 && tcp[20+1000] != byte((int(seq)-100+1000)>>8) {
						t.Errorf("piece %d has another's payload", i)
					}
					seq += uint32(want)
				}
				if f, err := r.Next(); err != nil || len(f.Data) != len(segmentOf(t)) {
					t.Errorf("the next packet: %d bytes, %v", len(f.Data), err)
				}
				if _, err := r.Next(); !errors.Is(err, io.EOF) {
					t.Error(err)
				}
			})
		}
	}
}

func segmentOf(t *testing.T) []byte { return segment(t, 1, 2, 0) }

func readerOf(file []byte) io.Reader { return bytes.NewReader(file) }

// TestCutOptions truncates a SYN within its options. The missing part is filled
// with no-operation options, and no option remains incomplete.
func TestCutOptions(t *testing.T) {
	ip := []byte{0x45, 0, 0, 60, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	tcp := []byte{0, 1, 0, 2, 0, 0, 0, 9, 0, 0, 0, 0, 0xa0, 2, 0, 0, 0, 0, 0, 0}
	options := []byte{2, 4, 5, 180, 4, 2, 8, 10, 1, 1, 1, 1, 0, 0, 0, 0, 1, 3, 3, 7}
	frame := slices.Concat(make([]byte, 12), []byte{8, 0}, ip, tcp, options)
	for snap := 54; snap <= len(frame); snap++ {
		r, err := capture.NewReader(bytes.NewReader(pcap(t, layers.LinkTypeEthernet, snap, frame)))
		if err != nil {
			t.Fatal(err)
		}
		f, err := r.Next()
		if err != nil || len(f.Data) != len(frame) || r.Skipped().Short != 0 {
			t.Fatalf("of %d bytes: %d, %v, %+v", snap, len(f.Data), err, r.Skipped())
		}
		tcp := gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.Default).TransportLayer()
		got, ok := tcp.(*layers.TCP)
		if !ok {
			t.Fatalf("of %d bytes: no TCP", snap)
		}
		want := map[layers.TCPOptionKind]bool{
			layers.TCPOptionKindMSS:           snap >= 58,
			layers.TCPOptionKindSACKPermitted: snap >= 60,
			layers.TCPOptionKindTimestamps:    snap >= 70,
			layers.TCPOptionKindWindowScale:   snap >= 74,
		}
		for kind, there := range want {
			if slices.ContainsFunc(got.Options, func(o layers.TCPOption) bool { return o.OptionType == kind }) != there {
				t.Errorf("of %d bytes: option %s, want %v in %v", snap, kind, there, got.Options)
			}
		}
	}
}

// TestShort counts packets captured without their headers, which no tracker can
// judge. Packets without IP are read unchanged.
func TestShort(t *testing.T) {
	for _, tt := range []struct {
		snap, short int
	}{{53, 1}, {40, 1}, {30, 1}, {13, 1}} {
		r, err := capture.NewReader(bytes.NewReader(pcap(t, layers.LinkTypeEthernet, tt.snap, segment(t, 1, 2, 1000))))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) || r.Skipped().Short != tt.short {
			t.Errorf("of %d bytes: %v, %+v", tt.snap, err, r.Skipped())
		}
	}
	arp := append(make([]byte, 12), 8, 6, 0, 1, 8, 0)
	expect(t, pcap(t, layers.LinkTypeEthernet, 16, append(arp, make([]byte, 30)...)), io.EOF, "0 16 0806")
}
