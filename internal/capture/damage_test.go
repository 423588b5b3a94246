package capture_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/crc64"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/gopacket/gopacket/layers"

	"ctop/internal/capture"
)

// A file that is cut is read up to its last whole packet. It ends without an error only
// between two blocks.
func TestCutFiles(t *testing.T) {
	p := segment(t, 1, 2, 0)
	f := newNg(binary.BigEndian)
	f.iface(1, 2, []byte("eth0"))
	ends := []int{28, f.Len()}
	for range 2 {
		f.packet(0, 1e6, len(p), p)
		ends = append(ends, f.Len())
	}
	for n := 28; n <= f.Len(); n++ {
		got, err := read(f.Bytes()[:n])
		want := 0
		for _, end := range ends[2:] {
			if n >= end {
				want++
			}
		}
		if between := slices.Contains(ends, n); len(got) != want || errors.Is(err, io.EOF) != between || errors.Is(err, capture.ErrBroken) == between {
			t.Errorf("of %d bytes: %d packets, %v", n, len(got), err)
		}
	}
}

// What a block cannot be ends the file, with the place and the reason.
func TestDamagedBlocks(t *testing.T) {
	p := segment(t, 1, 2, 0)
	order := binary.LittleEndian
	header := func(iface, captured uint32) []byte {
		b := order.AppendUint32(nil, iface)
		b = order.AppendUint64(b, 0)
		return order.AppendUint32(order.AppendUint32(b, captured), captured)
	}
	size := func(n uint32) []byte { return order.AppendUint32(order.AppendUint32(nil, 6), n) }
	for what, c := range map[string]struct {
		damage func(*ngFile)
		want   string
	}{
		"a block of 11 bytes":      {func(f *ngFile) { f.Write(size(11)) }, "impossible length of 11 bytes"},
		"a block of 12 bytes":      {func(f *ngFile) { f.block(6, nil) }, "block is too short"},
		"an endless block":         {func(f *ngFile) { f.Write(size(1 << 31)) }, "impossible length of 2147483648 bytes"},
		"half a packet's header":   {func(f *ngFile) { f.block(6, header(0, 0)[:16]) }, "block is too short"},
		"a packet of nothing":      {func(f *ngFile) { f.block(6, header(0, 0)) }, ""},
		"more than is there":       {func(f *ngFile) { f.block(6, append(header(0, 61), p...)) }, "impossible captured length of 61 bytes"},
		"another interface":        {func(f *ngFile) { f.block(6, append(header(1, 60), p...)) }, "is of interface 1, which the file does not describe"},
		"half a simple packet":     {func(f *ngFile) { f.block(3, nil) }, "block is too short"},
		"a simple packet":          {func(f *ngFile) { f.block(3, order.AppendUint32(nil, 0)) }, ""},
		"half an interface":        {func(f *ngFile) { f.block(1, make([]byte, 4)) }, "description is too short"},
		"an unknown byte order":    {func(f *ngFile) { f.block(0x0a0d0d0a, make([]byte, 16)) }, "no valid byte order"},
		"a section of no contents": {func(f *ngFile) { f.Write(newNg(order).Bytes()); f.block(3, order.AppendUint32(nil, 0)) }, "interface 0, which"},
	} {
		f := newNg(order)
		f.iface(1, 2, []byte("eth0"))
		f.packet(0, 1e6, len(p), p)
		c.damage(f)
		got, err := read(f.Bytes())
		if c.want == "" && !errors.Is(err, io.EOF) || c.want != "" && (!errors.Is(err, capture.ErrBroken) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "after packet 1")) || len(got) != 1 {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	none := newNg(order)
	none.block(3, order.AppendUint32(nil, 0))
	if _, err := read(none.Bytes()); !errors.Is(err, capture.ErrBroken) {
		t.Errorf("a packet of no interface: %v", err)
	}
}

// A simple packet is as long as its block and the interface's snap length allow.
func TestSimplePackets(t *testing.T) {
	p := segment(t, 1, 2, 1000)
	order := binary.LittleEndian
	for _, c := range []struct{ snap, there, length, want int }{
		{0, 1054, 1054, 1054}, {60, 1054, 1054, 1054}, {0, 60, 1054, 1054}, {2000, 1054, 1054, 1054}, {0, 60, 60, 60},
	} {
		f := newNg(order)
		i := order.AppendUint32(order.AppendUint16(order.AppendUint16(nil, 1), 0), uint32(c.snap))
		f.block(1, i)
		f.block(3, append(order.AppendUint32(nil, uint32(c.length)), p[:c.there]...))
		if got, err := read(f.Bytes()); !errors.Is(err, io.EOF) || len(got) != 1 || !strings.HasPrefix(got[0], fmt.Sprintf("0 %d ", c.want)) {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
}

// A capture of one named interface is of a watched one, and so is one that shows both
// directions of a conversation among several.
func TestWatched(t *testing.T) {
	there, back := segment(t, 1, 2, 0), segment(t, 2, 1, 0)
	type at struct {
		iface  uint32
		packet []byte
	}
	for what, c := range map[string]struct {
		links   []uint16
		names   []string
		packets []at
		name    string
		watched bool
	}{
		"one":                   {[]uint16{1}, []string{"eth0"}, []at{{0, there}}, "eth0", true},
		"one without a name":    {[]uint16{1}, []string{""}, []at{{0, there}, {0, back}}, "", false},
		"one beside USB":        {[]uint16{220, 1}, []string{"usb", "eth0"}, []at{{1, there}}, "eth0", true},
		"a wire":                {[]uint16{1, 1}, []string{"a", "b"}, []at{{0, there}, {1, back}}, "", false},
		"two with both ways":    {[]uint16{1, 1}, []string{"a", "b"}, []at{{0, there}, {0, back}}, "", true},
		"nothing but USB":       {[]uint16{220}, []string{"usb"}, nil, "", false},
		"three of which is one": {[]uint16{220, 1, 220}, []string{"x", "eth0", "y"}, nil, "eth0", true},
	} {
		f := newNg(binary.LittleEndian)
		for i, link := range c.links {
			f.iface(link, 2, []byte(c.names[i]))
		}
		for _, p := range c.packets {
			f.packet(p.iface, 1e6, len(p.packet), p.packet)
		}
		r, err := capture.NewReader(bytes.NewReader(f.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = r.Next()
		}
		if name, watched := r.Watched(); name != c.name || watched != c.watched {
			t.Errorf("%s: %q, %t", what, name, watched)
		}
	}
	r, err := capture.NewReader(bytes.NewReader(pcap(t, layers.LinkTypeEthernet, 65535, there)))
	if err != nil {
		t.Fatal(err)
	}
	if name, watched := r.Watched(); name != "" || watched || r.Interfaces() != [2]string{} {
		t.Errorf("a file without interfaces: %q, %t, %q", name, watched, r.Interfaces())
	}
}

// A frame of a wireless network has its addresses where its flags say (IEEE 802.11 table
// 9-60), and further fields before the packet.
func TestWirelessAddresses(t *testing.T) {
	ip := segment(t, 1, 2, 0)[14:]
	const qos, toDS, fromDS, order, aggregated = 0x80, 1, 2, 0x80, 0x80
	for what, c := range map[string]struct {
		kind, flags byte
		length      int
		change      func(b []byte)
		to, from    byte // the address that is each, from 1
	}{
		"between stations":      {8, 0, 24, nil, 1, 2},
		"to the access point":   {8, toDS, 24, nil, 3, 2},
		"from the access point": {8, fromDS, 24, nil, 1, 3},
		"between access points": {8, toDS | fromDS, 30, nil, 3, 4},
		"with a priority":       {8 | qos, toDS, 26, nil, 3, 2},
		"with more control":     {8 | qos, fromDS | order, 30, nil, 1, 3},
		"with all":              {8 | qos, toDS | fromDS | order, 36, nil, 3, 4},
		"aggregated":            {8 | qos, toDS, 26, func(b []byte) { b[24] = aggregated }, 0, 0},
		"without a priority":    {8, toDS, 24, func(b []byte) { b[24+7] ^= 0 }, 3, 2},
		"a later fragment":      {8, toDS, 24, func(b []byte) { b[22] = 1 }, 0, 0},
		"with more fragments":   {8, toDS | 4, 24, nil, 0, 0},
		"another protocol":      {8, toDS, 24, func(b []byte) { b[24] = 0x42 }, 0, 0},
		"a later packet":        {8, toDS, 24, func(b []byte) { b[23] = 1 }, 3, 2},
	} {
		frame := wireless(uint16(c.kind)|uint16(c.flags)<<8, c.length, ip)
		for i, at := range []int{4, 10, 16, 24} {
			if at+6 <= c.length && (i < 3 || c.flags&3 == 3) {
				frame[at] = byte(i + 1)
			}
		}
		if c.change != nil {
			c.change(frame)
		}
		r, err := capture.NewReader(bytes.NewReader(pcap(t, layers.LinkTypeIEEE802_11, 65535, frame)))
		if err != nil {
			t.Fatal(err)
		}
		f, err := r.Next()
		if (err == nil) != (c.to > 0) || err == nil && (f.Data[0] != c.to || f.Data[6] != c.from || !bytes.Equal(f.Data[14:], ip)) {
			t.Errorf("%s: %v, %x", what, err, f.Data)
		}
		// Any cut within the headers leaves nothing to read.
		for n := range c.length + 8 {
			r, err := capture.NewReader(bytes.NewReader(pcap(t, layers.LinkTypeIEEE802_11, 65535, frame[:n])))
			if err != nil {
				t.Fatal(err)
			}
			if f, err := r.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("%s, cut at %d: %x", what, n, f.Data)
			}
		}
	}
}

// No byte of a compressed file can change what is read without an error.
func TestDamagedXZ(t *testing.T) {
	plain := pcap(t, layers.LinkTypeEthernet, 65535, segment(t, 1, 2, 100), segment(t, 2, 1, 0))
	frames := func(file []byte) (all []byte, err error) {
		r, err := capture.NewReader(bytes.NewReader(file))
		for err == nil {
			var f capture.Frame
			if f, err = r.Next(); err == nil {
				all = append(all, f.Data...)
			}
		}
		return all, err
	}
	want, _ := frames(plain)
	sha := sha256.Sum256(plain)
	for check, sum := range map[string][]byte{
		"crc32": binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(plain)),
		"crc64": binary.LittleEndian.AppendUint64(nil, crc64.Checksum(plain, crc64.MakeTable(crc64.ECMA))), "sha256": sha[:],
	} {
		summed := xzOf(t, plain, "--check="+check)
		at := bytes.Index(summed, sum)
		if at < 0 {
			t.Fatalf("there is no %s", check)
		}
		summed[at] ^= 1
		if _, err := frames(summed); err == nil || !strings.Contains(err.Error(), "checksum") {
			t.Errorf("with a wrong %s: %v", check, err)
		}
	}
	for _, check := range []string{"crc32", "crc64", "sha256"} {
		file := xzOf(t, plain, "--check="+check, "--block-size=200", "--lzma2=dict=4KiB")
		if got, err := frames(file); !errors.Is(err, io.EOF) || !bytes.Equal(got, want) {
			t.Fatalf("%s: %v", check, err)
		}
		broken := 0
		for i := range file {
			damaged := slices.Clone(file)
			damaged[i] ^= 1
			got, err := frames(damaged)
			if errors.Is(err, io.EOF) && !bytes.Equal(got, want) {
				t.Errorf("%s: byte %d of %d changes what is read", check, i, len(file))
			}
			if !errors.Is(err, io.EOF) {
				broken++
			}
		}
		if broken < len(file)/2 {
			t.Errorf("%s: %d changes of %d bytes are noticed", check, broken, len(file))
		}
		for i := 0; i < len(file)-1; i += 3 {
			if _, err := frames(file[:i+1]); errors.Is(err, io.EOF) {
				t.Errorf("%s: %d bytes of %d are whole", check, i+1, len(file))
			}
		}
		if got, err := frames(append(file, 0, 0, 0, 0)); !errors.Is(err, io.EOF) || !bytes.Equal(got, want) {
			t.Errorf("%s: padding behind it: %v", check, err)
		}
	}
}

// A compressed file is read in pieces of any size.
func TestXZInPieces(t *testing.T) {
	plain := pcap(t, layers.LinkTypeEthernet, 65535, segment(t, 1, 2, 100), segment(t, 2, 1, 0))
	file := xzOf(t, plain, "--block-size=1", "--lzma2=dict=4KiB")
	if got, err := read(file); !errors.Is(err, io.EOF) || len(got) != 2 {
		t.Errorf("%q, %v", got, err)
	}
}

// An attribute of a log's packet without a value is no packet.
func TestEmptyAttributes(t *testing.T) {
	ip := segment(t, 1, 2, 0)[14:]
	whole := binary.LittleEndian.AppendUint16(nil, uint16(4+len(ip)))
	whole = append(append(whole, 9, 0), ip...)
	expect(t, pcap(t, 239, 65535, slices.Concat([]byte{2, 0, 0, 0, 4, 0, 1, 0}, whole)), io.EOF, "0 60 0800")
}

// A file of nothing but packets without bytes is broken, and one that has many is not.
func TestPacketsWithoutBytes(t *testing.T) {
	for _, n := range []int{1000, 1001} {
		packets := slices.Concat(make([][]byte, n), [][]byte{segment(t, 1, 2, 0)}, make([][]byte, n))
		got, err := read(pcap(t, layers.LinkTypeEthernet, 65535, packets...))
		if n == 1000 && (!errors.Is(err, io.EOF) || len(got) != 1) || n > 1000 && (!errors.Is(err, capture.ErrBroken) || len(got) != 0) {
			t.Errorf("%d in a row: %q, %v", n, got, err)
		}
	}
}
