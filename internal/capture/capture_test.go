package capture_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"ctop/internal/capture"
)

var start = time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)

// segment is a TCP segment from 10.0.0.a to 10.0.0.b, behind an Ethernet header
// with addresses that end the same way.
func segment(t *testing.T, a, b byte, payload int) []byte {
	t.Helper()
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: []byte{10, 0, 0, a}, DstIP: []byte{10, 0, 0, b}}
	tcp := &layers.TCP{SrcPort: layers.TCPPort(a), DstPort: layers.TCPPort(b), SYN: true, Window: 1000}
	eth := &layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, a}, DstMAC: []byte{2, 0, 0, 0, 0, b}, EthernetType: layers.EthernetTypeIPv4}
	buffer := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true}, eth, ip, tcp, gopacket.Payload(make([]byte, payload)))
	if err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

// pcap writes one packet a second, each truncated to snap bytes.
func pcap(t *testing.T, link layers.LinkType, snap int, packets ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	if err := w.WriteFileHeader(uint32(snap), link); err != nil {
		t.Fatal(err)
	}
	for i, p := range packets {
		cut := p[:min(len(p), snap)]
		info := gopacket.CaptureInfo{Timestamp: start.Add(time.Duration(i) * time.Second), CaptureLength: len(cut), Length: len(p)}
		if err := w.WritePacket(info, cut); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// read returns a line for each frame, and the error at the end.
func read(file []byte) (lines []string, err error) {
	r, err := capture.NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	for {
		f, err := r.Next()
		if err != nil {
			return lines, err
		}
		lines = append(lines, fmt.Sprintf("%d %d %x", f.Side, len(f.Data), f.Data[max(0, min(12, len(f.Data)-1)):min(14, len(f.Data))]))
	}
}

func expect(t *testing.T, file []byte, end error, want ...string) {
	t.Helper()
	got, err := read(file)
	if !errors.Is(err, end) || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, %v, want %q, %v", got, err, want, end)
	}
}

func TestSides(t *testing.T) {
	file := pcap(t, layers.LinkTypeEthernet, 65535, segment(t, 1, 2, 0), segment(t, 2, 1, 0), segment(t, 3, 2, 0), segment(t, 2, 3, 0))
	expect(t, file, io.EOF, "0 60 0800", "1 60 0800", "0 60 0800", "1 60 0800")
}

// TestLinks reads the same packet from every link layer.
func TestLinks(t *testing.T) {
	ip := segment(t, 1, 2, 0)[14:]
	six := append([]byte{0x60}, make([]byte, 45)...)
	cooked := append(append(make([]byte, 14), 8, 0), ip...)
	cooked2 := append(append([]byte{8, 0}, make([]byte, 18)...), ip...)
	for _, tt := range []struct {
		link   layers.LinkType
		packet []byte
		want   string
	}{
		{101, ip, "0 60 0800"},
		{12, six, "0 60 86dd"},
		{14, ip, "0 60 0800"},
		{229, six, "0 60 86dd"},
		{0, append([]byte{2, 0, 0, 0}, ip...), "0 60 0800"},
		{108, append([]byte{0, 0, 0, 2}, ip...), "0 60 0800"},
		{113, cooked, "0 60 0800"},
		{276, cooked2, "0 60 0800"},
		{9, append([]byte{0xff, 3, 0, 0x21}, ip...), "0 60 0800"},
		{9, append([]byte{0, 0x57}, six...), "0 60 86dd"},
		{9, append([]byte{0x21}, ip...), "0 60 0800"},
		{9, append([]byte{0xff, 3, 0x21}, ip...), "0 60 0800"},
		{50, append([]byte{0xff, 3, 0, 0x21}, ip...), "0 60 0800"},
		{204, append([]byte{1, 0xff, 3, 0, 0x21}, ip...), "0 60 0800"},
		{51, append([]byte{0x11, 0, 0, 1, 0, 48, 0, 0x21}, ip...), "0 60 0800"},
		{104, append([]byte{0x0f, 0, 8, 0}, ip...), "0 60 0800"},
		{239, append([]byte{2, 0, 0, 0, 5, 0, 1, 0, 7, 0, 0, 0, 50, 0, 9, 0}, ip...), "0 60 0800"},
		{105, wireless(0x0108, 24, ip), "0 60 0800"},
		{105, wireless(0x0188, 26, ip), "0 60 0800"},
		{105, wireless(0x0388, 32, ip), "0 60 0800"},
		{127, append([]byte{0, 0, 8, 0, 0, 0, 0, 0}, wireless(0x0208, 24, ip)...), "0 60 0800"},
		{127, append(append([]byte{0, 0, 18, 0, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x10, 0}, wireless(0x0208, 24, ip)...), 1, 2, 3, 4), "0 60 0800"},
	} {
		expect(t, pcap(t, tt.link, 65535, tt.packet), io.EOF, tt.want)
	}
}

// wireless is an IEEE 802.11 data frame with the given first two bytes, and the
// given number of bytes before LLC.
func wireless(control uint16, length int, ip []byte) []byte {
	b := binary.LittleEndian.AppendUint16(nil, control)
	b = append(b, make([]byte, length-2)...)
	return append(append(b, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0), ip...)
}

// TestPassedOver reads packets that carry nothing readable.
func TestPassedOver(t *testing.T) {
	ip := segment(t, 1, 2, 0)[14:]
	for _, tt := range []struct {
		link   layers.LinkType
		packet []byte
	}{
		{220, ip},                              // USB
		{0, []byte{2}},                         // cut off
		{101, []byte{0x50, 1, 2, 3}},           // neither IPv4 nor IPv6
		{105, wireless(0x4108, 24, ip)},        // encrypted
		{105, wireless(0x0080, 24, ip)},        // a beacon
		{105, wireless(0x0148, 24, ip)},        // without data
		{9, append([]byte{0xc0, 0x21}, ip...)}, // LCP
		{127, []byte{0, 0, 200, 0, 0, 0, 0, 0}},
		{239, []byte{2, 0, 0, 0, 3, 0, 9, 0}},
	} {
		r, err := capture.NewReader(bytes.NewReader(pcap(t, tt.link, 65535, tt.packet)))
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Next()
		if s := r.Skipped(); !errors.Is(err, io.EOF) || s.Links[int(tt.link)]+s.Empty != 1 {
			t.Errorf("link type %d: %v, passed over %v", tt.link, err, s)
		}
	}
}

// TestCut reads truncated packets. Packets with all headers get their original
// length back; others are skipped.
func TestCut(t *testing.T) {
	expect(t, pcap(t, layers.LinkTypeEthernet, 60, segment(t, 1, 2, 1000)), io.EOF, "0 1054 0800")
	expect(t, pcap(t, layers.LinkTypeEthernet, 40, segment(t, 1, 2, 1000)), io.EOF)
	expect(t, pcap(t, layers.LinkTypeRaw, 60, segment(t, 1, 2, 1000)[14:]), io.EOF, "0 1054 0800")
}

func TestLyingLength(t *testing.T) {
	file := pcap(t, layers.LinkTypeEthernet, 65535, segment(t, 1, 2, 0))
	binary.LittleEndian.PutUint32(file[24+12:], 1<<32-1)
	got, err := read(file)
	if !errors.Is(err, io.EOF) || len(got) != 1 || !strings.HasPrefix(got[0], "0 65599 ") {
		t.Errorf("%q, %v", got, err)
	}
}

func TestPcapng(t *testing.T) {
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriterInterface(&b, pcapgo.NgInterface{Name: "left", LinkType: layers.LinkTypeEthernet}, pcapgo.NgWriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddInterface(pcapgo.NgInterface{Name: "right", LinkType: layers.LinkTypeRaw}); err != nil {
		t.Fatal(err)
	}
	for i, p := range [][]byte{segment(t, 1, 2, 0), segment(t, 2, 1, 0)[14:]} {
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: start, CaptureLength: len(p), Length: len(p), InterfaceIndex: i}, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	expect(t, b.Bytes(), io.EOF, "0 60 0800", "1 60 0800")
	r, err := capture.NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := r.Next(); err != nil || !f.Time.Equal(start) {
		t.Errorf("%v, %v", f.Time, err)
	}
	if _, err := r.Next(); err != nil || r.Interfaces() != [2]string{"left", "right"} {
		t.Errorf("%q, %v", r.Interfaces(), err)
	}
}

// The interfaces of a capture show sides until one of them shows both
// directions of a conversation, as a host's interface does.
func TestSidesKnown(t *testing.T) {
	there, back := segment(t, 1, 2, 0), segment(t, 2, 1, 0)
	for name, tt := range map[string]struct {
		interfaces []int
		packets    [][]byte
		want       string
	}{
		"a wire":        {[]int{0, 1, 0}, [][]byte{there, back, there}, "0 true, 1 true, 0 true"},
		"a host":        {[]int{0, 0, 1}, [][]byte{there, back, there}, "0 true, 0 false, 1 false"},
		"one interface": {[]int{0, 0}, [][]byte{there, back}, "0 false, 1 false"},
	} {
		var b bytes.Buffer
		w, err := pcapgo.NewNgWriterInterface(&b, pcapgo.NgInterface{Name: "left", LinkType: layers.LinkTypeEthernet}, pcapgo.NgWriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(tt.interfaces, 1) {
			if _, err := w.AddInterface(pcapgo.NgInterface{Name: "right", LinkType: layers.LinkTypeEthernet}); err != nil {
				t.Fatal(err)
			}
		}
		for i, p := range tt.packets {
			info := gopacket.CaptureInfo{Timestamp: start, CaptureLength: len(p), Length: len(p), InterfaceIndex: tt.interfaces[i]}
			if err := w.WritePacket(info, p); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		r, err := capture.NewReader(&b)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for f, err := r.Next(); err == nil; f, err = r.Next() {
			got = append(got, fmt.Sprint(f.Side, " ", f.SideKnown))
		}
		if all := strings.Join(got, ", "); all != tt.want {
			t.Errorf("%s: %s, want %s", name, all, tt.want)
		}
	}
}

func TestGzip(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(pcap(t, layers.LinkTypeEthernet, 65535, segment(t, 1, 2, 0))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, b.Bytes(), io.EOF, "0 60 0800")
}

func TestRubbish(t *testing.T) {
	for _, text := range []string{"", "x", "#!/bin/sh\nexit 0\n and more than a header", "\x0a\x0d\x0d\x0a", "\xd4\xc3\xb2\xa1"} {
		expect(t, []byte(text), capture.ErrFormat)
	}
	expect(t, []byte("\x1f\x8bno"), capture.ErrBroken)
	file := pcap(t, layers.LinkTypeEthernet, 65535, segment(t, 1, 2, 0), segment(t, 2, 1, 0))
	expect(t, file[:len(file)-1], capture.ErrBroken, "0 60 0800")
	expect(t, append(file, "more"...), capture.ErrBroken, "0 60 0800", "1 60 0800")
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x01\x00\x00\x00"))
	f.Add([]byte("\x0a\x0d\x0d\x0a\x1c\x00\x00\x00\x4d\x3c\x2b\x1a\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x1c\x00\x00\x00" +
		"\x01\x00\x00\x00\x14\x00\x00\x00\x01\x00\x00\x00\x00\x00\x04\x00\x14\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := capture.NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		// Every packet takes at least its header, except synthesised ones.
		for range len(file) + 1 {
			frame, err := r.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, capture.ErrBroken) {
					t.Fatalf("unexpected: %v", err)
				}
				return
			}
			if frame.Side != 0 && frame.Side != 1 {
				t.Fatalf("side %d", frame.Side)
			}
			if len(frame.Data) > 1<<18+1<<17 {
				t.Fatalf("%d bytes", len(frame.Data))
			}
		}
		t.Fatal("more packets than bytes")
	})
}
