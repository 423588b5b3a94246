package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"ctop/internal/capture"
)

// ngFile writes pcapng files block by block.
type ngFile struct {
	bytes.Buffer
	order binary.AppendByteOrder
}

func newNg(order binary.AppendByteOrder) *ngFile {
	f := &ngFile{order: order}
	head := order.AppendUint32(nil, 0x1a2b3c4d)
	head = order.AppendUint16(head, 1)
	head = order.AppendUint16(head, 0)
	f.block(0x0a0d0d0a, order.AppendUint64(head, math.MaxUint64))
	return f
}

func (f *ngFile) block(kind uint32, body []byte) {
	padded := append(body, make([]byte, -len(body)&3)...)
	size := uint32(len(padded) + 12)
	b := f.order.AppendUint32(nil, kind)
	b = f.order.AppendUint32(b, size)
	b = append(b, padded...)
	f.Write(f.order.AppendUint32(b, size))
}

// iface describes an interface, with options of a code and a value.
func (f *ngFile) iface(link uint16, options ...any) {
	b := f.order.AppendUint16(nil, link)
	b = f.order.AppendUint16(b, 0)
	b = f.order.AppendUint32(b, 0)
	for i := 0; i < len(options); i += 2 {
		value := options[i+1].([]byte)
		b = f.order.AppendUint16(b, uint16(options[i].(int)))
		b = f.order.AppendUint16(b, uint16(len(value)))
		b = append(append(b, value...), make([]byte, -len(value)&3)...)
	}
	f.block(1, f.order.AppendUint32(b, 0))
}

// packet is an Enhanced Packet Block.
func (f *ngFile) packet(iface uint32, stamp uint64, length int, data []byte) {
	b := f.order.AppendUint32(nil, iface)
	b = f.order.AppendUint32(b, uint32(stamp>>32))
	b = f.order.AppendUint32(b, uint32(stamp))
	b = f.order.AppendUint32(b, uint32(len(data)))
	b = f.order.AppendUint32(b, uint32(length))
	f.block(6, append(b, data...))
}

// first returns the first frame of a file.
func first(t *testing.T, file []byte) capture.Frame {
	t.Helper()
	r, err := capture.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	f, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestResolution checks the units of time of a pcapng interface
// (draft-ietf-opsawg-pcapng section 4.2, if_tsresol and if_tsoffset), in both
// byte orders.
func TestResolution(t *testing.T) {
	for _, tt := range []struct {
		resolution byte
		offset     int64
		stamp      uint64
		want       time.Time
	}{
		{6, 0, 1_700_000_000_123_456, time.Unix(1_700_000_000, 123_456_000)},
		{9, 0, 1_700_000_000_123_456_789, time.Unix(1_700_000_000, 123_456_789)},
		{0, 0, 1_700_000_000, time.Unix(1_700_000_000, 0)},
		{3, 0, 1_700_000_000_250, time.Unix(1_700_000_000, 250_000_000)},
		{0x80 | 32, 0, 1_700_000_000<<32 | 1<<31, time.Unix(1_700_000_000, 500_000_000)},
		{0x80 | 32, 0, 1_700_000_000<<32 | 3<<30, time.Unix(1_700_000_000, 750_000_000)},
		{0x80 | 10, 0, 1_700_000_000<<10 | 1, time.Unix(1_700_000_000, 976_562)},
		{0x80, 0, 1_700_000_000, time.Unix(1_700_000_000, 0)},
		{0x80 | 64, 0, 1 << 63, time.Unix(0, 500_000_000)},
		{0x80 | 127, 0, math.MaxUint64, time.Unix(0, 0)},
		{19, 0, 12_345_678_901_234_567_890, time.Unix(1, 234_567_890)},
		{20, 0, 12_345_678_901_234_567_890, time.Unix(0, 123_456_789)},
		{127, 0, math.MaxUint64, time.Unix(0, 1)},
		{6, 1_700_000_000, 500_000, time.Unix(1_700_000_000, 500_000_000)},
		{6, -100, 200_000_000, time.Unix(100, 0)},
		{6, math.MaxInt64, 5_000_000, time.Unix(5, 0)},
	} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			f := newNg(order)
			f.iface(1, 2, []byte("eth0"), 9, []byte{tt.resolution}, 14, order.AppendUint64(nil, uint64(tt.offset)))
			f.packet(0, tt.stamp, 60, segment(t, 1, 2, 0))
			if got := first(t, f.Bytes()); !got.Time.Equal(tt.want) {
				t.Errorf("resolution %#x, offset %d, stamp %d: %s, want %s", tt.resolution, tt.offset, tt.stamp, got.Time, tt.want.UTC())
			}
		}
	}
}

// TestOtherOptions passes over options that it does not know, and short ones.
func TestOtherOptions(t *testing.T) {
	order := binary.LittleEndian
	f := newNg(order)
	f.iface(1, 9, []byte{9}, 14, order.AppendUint64(nil, 7), 12, []byte("a system's name"), 14, []byte{1, 0, 0, 0}, 9, []byte{})
	f.packet(0, 5_000_000_001, 60, segment(t, 1, 2, 0))
	if got, want := first(t, f.Bytes()).Time, time.Unix(12, 1); !got.Equal(want) {
		t.Errorf("the time is %s, want %s", got, want.UTC())
	}
}

// TestBlocks reads the other blocks that contain packets, and those that
// contain none.
func TestBlocks(t *testing.T) {
	order := binary.LittleEndian
	p := segment(t, 1, 2, 0)
	f := newNg(order)
	f.block(0x0bad, []byte("passed over"))
	f.iface(220, 2, []byte("usb1"))
	f.iface(1, 2, []byte("left"))
	f.iface(1, 2, []byte("right"))
	f.packet(0, 1e6, 100, make([]byte, 64))
	f.packet(1, 2e6, len(p), p)
	f.packet(2, 3e6, len(p), p)
	old := order.AppendUint16(nil, 2) // of interface 2, and nine were lost
	old = order.AppendUint16(old, 9)
	old = order.AppendUint64(old, 0)
	old = order.AppendUint32(old, uint32(len(p)))
	old = order.AppendUint32(old, uint32(len(p)))
	f.block(2, append(old, p...))
	f.block(3, append(order.AppendUint32(nil, uint32(len(p))), p...)) // of interface 0
	f.Write(newNg(binary.BigEndian).Bytes())
	expect(t, f.Bytes(), io.EOF, "0 60 0800", "1 60 0800", "1 60 0800")

	r, err := capture.NewReader(bytes.NewReader(f.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = r.Next()
	}
	if r.Interfaces() != [2]string{"left", "right"} || r.Skipped().Links[220] != 2 {
		t.Errorf("%q, %v", r.Interfaces(), r.Skipped())
	}
}

// TestSectionsApart reads two sections, each with its own interface.
func TestSectionsApart(t *testing.T) {
	p := segment(t, 1, 2, 0)
	file := newNg(binary.LittleEndian)
	file.iface(1)
	file.packet(0, 0, len(p), p)
	other := newNg(binary.BigEndian)
	other.iface(101)
	other.packet(0, 0, len(p)-14, p[14:])
	file.Write(other.Bytes())
	expect(t, file.Bytes(), io.EOF, "0 60 0800", "1 60 0800")
}

// classic is a classic file with one packet and the given length fields.
func classic(magic uint32, major, minor uint16, first, second uint32, between []byte, data []byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, magic)
	b = le.AppendUint16(b, major)
	b = le.AppendUint16(b, minor)
	b = append(b, make([]byte, 12)...)
	b = le.AppendUint32(b, 1)
	b = le.AppendUint32(b, 1_700_000_000)
	b = le.AppendUint32(b, 5)
	b = le.AppendUint32(b, first)
	b = le.AppendUint32(b, second)
	return append(append(b, between...), data...)
}

// TestVersions reads the classic variants that libpcap reads (sf-pcap.c).
func TestVersions(t *testing.T) {
	p := segment(t, 1, 2, 1000)
	n := uint32(len(p))
	for name, tt := range map[string]struct {
		file []byte
		want string
	}{
		"2.4":                   {classic(0xa1b2c3d4, 2, 4, n, n, nil, p), "0 1054 0800"},
		"2.4, cut":              {classic(0xa1b2c3d4, 2, 4, 60, n, nil, p[:60]), "0 1054 0800"},
		"2.4, more than it had": {classic(0xa1b2c3d4, 2, 4, n, 60, nil, p), "0 1054 0800"},
		"2.3, cut":              {classic(0xa1b2c3d4, 2, 3, 60, n, nil, p[:60]), "0 1054 0800"},
		"2.3, exchanged":        {classic(0xa1b2c3d4, 2, 3, n, 60, nil, p[:60]), "0 1054 0800"},
		"2.1":                   {classic(0xa1b2c3d4, 2, 1, n, 60, nil, p[:60]), "0 1054 0800"},
		"543.0":                 {classic(0xa1b2c3d4, 543, 0, n, 60, nil, p[:60]), "0 1054 0800"},
		"nanoseconds":           {classic(0xa1b23c4d, 2, 4, n, n, nil, p), "0 1054 0800"},
		"modified":              {classic(0xa1b2cd34, 2, 4, n, n, make([]byte, 8), p), "0 1054 0800"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, tt.file, io.EOF, tt.want) })
	}
	if at := first(t, classic(0xa1b23c4d, 2, 4, n, n, nil, p)).Time; !at.Equal(time.Unix(1_700_000_000, 5)) {
		t.Error(at)
	}
	if at := first(t, classic(0xa1b2c3d4, 2, 4, n, n, nil, p)).Time; !at.Equal(time.Unix(1_700_000_000, 5000)) {
		t.Error(at)
	}
	expect(t, classic(0xa1b2c3d4, 3, 0, n, n, nil, p), capture.ErrFormat)
	expect(t, classic(0xa1b2c3d4, 2, 4, 1<<20, n, nil, p), capture.ErrBroken)
}

// TestZeros reads a file that was allocated and never written.
func TestZeros(t *testing.T) {
	file := pcap(t, layers.LinkTypeEthernet, 65535, segment(t, 1, 2, 0))
	endless := io.MultiReader(bytes.NewReader(file), zeros{})
	r, err := capture.NewReader(endless)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = r.Next()
	}
	if !errors.Is(err, capture.ErrBroken) || !strings.Contains(err.Error(), "have no bytes") {
		t.Error(err)
	}
}

// zeros is an endless reader of zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestCompressed reads a capture in each compression format.
func TestCompressed(t *testing.T) {
	plain := pcap(t, layers.LinkTypeEthernet, 65535, segment(t, 1, 2, 0))
	var z, x bytes.Buffer
	zw, err := zstd.NewWriter(&z)
	if err != nil {
		t.Fatal(err)
	}
	xw, err := xz.NewWriter(&x)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []io.WriteCloser{zw, xw} {
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	b := exec.Command("bzip2") // which the standard library only reads
	b.Stdin = bytes.NewReader(plain)
	bzipped, err := b.Output()
	if err != nil {
		t.Fatalf("bzip2: %v", err)
	}
	for name, file := range map[string][]byte{"zstd": z.Bytes(), "xz": x.Bytes(), "bzip2": bzipped} {
		t.Run(name, func(t *testing.T) {
			expect(t, file, io.EOF, "0 60 0800")
			for _, n := range []int{10, len(file) / 2} {
				if _, err := read(file[:n]); !errors.Is(err, capture.ErrBroken) || !strings.Contains(err.Error(), "read it as "+name) {
					t.Errorf("the first %d bytes: %v", n, err)
				}
			}
		})
	}
}

// xzOf compresses data with xz and the given arguments.
func xzOf(t *testing.T, data []byte, args ...string) []byte {
	t.Helper()
	c := exec.Command("xz", append(args, "-c")...)
	c.Stdin = bytes.NewReader(data)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("xz: %v", err)
	}
	return out
}

// TestXZ reads files of several streams and blocks, with every kind of checksum.
func TestXZ(t *testing.T) {
	plain := pcap(t, layers.LinkTypeEthernet, 65535, segment(t, 1, 2, 900), segment(t, 2, 1, 0))
	want := []string{"0 954 0800", "1 60 0800"}
	half := len(plain) / 2
	for _, check := range []string{"none", "crc32", "crc64", "sha256"} {
		expect(t, xzOf(t, plain, "--check="+check, "--block-size=100"), io.EOF, want...)
		streams := slices.Concat(xzOf(t, plain[:half], "--check="+check), make([]byte, 8), xzOf(t, plain[half:]))
		expect(t, streams, io.EOF, want...)
		file := xzOf(t, plain, "--check="+check)
		for _, n := range []int{20, len(file) / 2, len(file) - 1} {
			if _, err := read(file[:n]); !errors.Is(err, capture.ErrBroken) {
				t.Errorf("%s: the first %d bytes of %d: %v", check, n, len(file), err)
			}
		}
	}
	// The only block's checksum comes before the index.
	file := xzOf(t, plain, "--check=crc32")
	file[len(file)-12-8-4] ^= 1
	if _, err := read(file); !errors.Is(err, capture.ErrBroken) {
		t.Errorf("a wrong checksum: %v", err)
	}
}

// TestXZDictionary reads a first or later block that requires a dictionary of 4
// GiB. No memory is allocated for it.
func TestXZDictionary(t *testing.T) {
	small := xzOf(t, pcap(t, layers.LinkTypeEthernet, 65535, segment(t, 1, 2, 0)))
	huge := slices.Clone(small)
	huge[bytes.Index(huge, []byte{0x21, 0x01})+2] = 40
	for _, file := range [][]byte{huge, append(small, huge...)} {
		if _, err := read(file); !errors.Is(err, capture.ErrBroken) || !strings.Contains(err.Error(), "dictionary") {
			t.Errorf("a dictionary of 4 GiB: %v", err)
		}
	}
}

// TestManyInterfaces reads a file with the maximum number of interfaces and
// long names, of which two are used.
func TestManyInterfaces(t *testing.T) {
	f := newNg(binary.LittleEndian)
	name := bytes.Repeat([]byte("x"), 60_000)
	for range 2000 {
		f.iface(1, 2, name)
	}
	f.packet(0, 0, 60, segment(t, 1, 2, 0))
	r, err := capture.NewReader(bytes.NewReader(f.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 20<<20 {
		t.Errorf("it takes %d MB", grown>>20)
	}
	runtime.KeepAlive(r)
	runtime.KeepAlive(f)
}
