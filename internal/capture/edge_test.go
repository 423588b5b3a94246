package capture

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
	"time"
)

// TestTransportWhole cuts every transport header at its last byte.
func TestTransportWhole(t *testing.T) {
	tcp := append(make([]byte, 12), 6<<4) // with four bytes of options
	for _, c := range []struct {
		proto byte
		six   bool
		head  []byte
		size  int
	}{
		{protoTCP, false, tcp, 24},
		{protoTCP, false, append(make([]byte, 12), 4<<4), 20}, // a length that lies
		{protoUDP, false, nil, 8},
		{protoUDPLite, true, nil, 8},
		{protoSCTP, false, nil, 12},
		{protoDCCP, true, nil, 12},
		{protoICMP, false, nil, 8},
		{protoICMPv6, true, []byte{128}, 8},
		{47, false, nil, 0},
	} {
		l := layout{proto: c.proto, six: c.six}
		b := append(bytes.Clone(c.head), make([]byte, 40)...)
		if !l.transportWhole(b[:c.size]) {
			t.Errorf("protocol %d: %d bytes are not whole", c.proto, c.size)
		}
		if c.size > 0 && l.transportWhole(b[:c.size-1]) {
			t.Errorf("protocol %d: %d bytes are whole", c.proto, c.size-1)
		}
	}
}

func TestErrorsQuote(t *testing.T) {
	for kind := range 256 {
		four := layout{proto: protoICMP}.isError(byte(kind))
		if want := kind == 3 || kind == 4 || kind == 5 || kind == 11 || kind == 12; four != want {
			t.Errorf("ICMP %d: %t", kind, four)
		}
		six := layout{proto: protoICMPv6, six: true}.isError(byte(kind))
		if want := kind >= 1 && kind <= 4; six != want {
			t.Errorf("ICMPv6 %d: %t", kind, six)
		}
		if (layout{proto: protoICMPv6}).isError(byte(kind)) || (layout{proto: protoICMP, six: true}).isError(byte(kind)) {
			t.Errorf("type %d is an error of the other family", kind)
		}
	}
}

// ip4 is an IPv4 header of a protocol.
func ip4(proto byte, fragment uint16) []byte {
	b := make([]byte, 20)
	b[0], b[9] = 0x45, proto
	binary.BigEndian.PutUint16(b[6:], fragment)
	return b
}

func TestQuoteWhole(t *testing.T) {
	for _, proto := range []byte{protoTCP, protoUDP, protoUDPLite, protoSCTP, protoDCCP, protoICMP, protoICMPv6} {
		quote := append(ip4(proto, 0), make([]byte, 8)...)
		if !quoteWhole(quote, false) || quoteWhole(quote[:27], false) {
			t.Errorf("protocol %d: eight bytes are not what counts", proto)
		}
	}
	if !quoteWhole(ip4(47, 0), false) || !quoteWhole(ip4(protoTCP, 1), false) {
		t.Error("a quote without ports needs some")
	}
	if quoteWhole(ip4(47, 0)[:19], false) {
		t.Error("a header that is cut is whole")
	}
	error4 := append([]byte{3, 0, 0, 0, 0, 0, 0, 0}, ip4(protoUDP, 0)...)
	if l := (layout{proto: protoICMP}); l.transportWhole(error4) || !l.transportWhole(append(error4, make([]byte, 8)...)) {
		t.Error("an error is whole without its quote, or not with it")
	}
}

func TestWholeOptions(t *testing.T) {
	for _, c := range []struct {
		options []byte
		want    int
	}{
		{nil, 0},
		{[]byte{1}, 1},
		{[]byte{1, 0, 1}, 3},
		{[]byte{2, 4, 5, 180}, 4},
		{[]byte{2, 4, 5}, 0},
		{[]byte{2}, 0},
		{[]byte{1, 4, 2}, 3},
		{[]byte{1, 4, 1, 1}, 1},
		{[]byte{4, 0}, 0},
		{[]byte{3, 3, 7, 8}, 3},
	} {
		if got := wholeOptions(c.options, 0); got != c.want {
			t.Errorf("%v: %d, want %d", c.options, got, c.want)
		}
	}
}

func TestLinkHeaders(t *testing.T) {
	for _, c := range []struct {
		b         []byte
		ethertype uint16
		next      uint16
		length    int
	}{
		{[]byte{0, 5, 8, 0}, etherVLAN, etherIPv4, 4},
		{[]byte{0, 5, 8, 0}, etherQinQ, etherIPv4, 4},
		{[]byte{0, 5, 8, 0}, etherQinQ1, etherIPv4, 4},
		{[]byte{0, 5, 8}, etherVLAN, 0, 0},
		{[]byte{0, 5, 8, 0}, etherIPv4, 0, 0},
		{[]byte{0x11, 0, 0, 9, 0, 2, 0, 0x21}, etherPPPoE, etherIPv4, 8},
		{[]byte{0x11, 0, 0, 9, 0, 2, 0, 0x57}, etherPPPoE, etherIPv6, 8},
		{[]byte{0x11, 0, 0, 9, 0, 2, 0, 0x58}, etherPPPoE, 0, 0},
		{[]byte{0x11, 0, 0, 9, 0, 2, 0}, etherPPPoE, 0, 0},
		{[]byte{0, 0, 1, 64, 0x45}, etherMPLS, etherIPv4, 4},
		{[]byte{0, 0, 1, 64, 0x60}, etherMPLSM, etherIPv6, 4},
		{[]byte{0, 0, 0, 64, 0x45}, etherMPLS, etherMPLS, 4},
		{[]byte{0, 0, 1, 64, 0x50}, etherMPLS, 0, 0},
		{[]byte{0, 0, 1, 64}, etherMPLS, 0, 0},
	} {
		if next, length := linkHeader(c.b, c.ethertype); next != c.next || length != c.length {
			t.Errorf("%x after %#x: %#x in %d bytes, want %#x in %d", c.b, c.ethertype, next, length, c.next, c.length)
		}
	}
}

func TestDictionaries(t *testing.T) {
	for _, c := range []struct {
		head []byte
		want uint64
	}{
		{[]byte{0, xzLZMA2, 1, 0}, 4 << 10},
		{[]byte{0, xzLZMA2, 1, 1}, 6 << 10},
		{[]byte{0, xzLZMA2, 1, 2}, 8 << 10},
		{[]byte{0, xzLZMA2, 1, 23}, 12 << 20},
		{[]byte{0, xzLZMA2, 1, 39}, 3 << 30},
		{[]byte{0, xzLZMA2, 1, 40}, 1<<32 - 1},
		{[]byte{xzCompressedSize, 99, xzLZMA2, 1, 0}, 4 << 10},
		{[]byte{xzCompressedSize | xzUncompressedSize, 0x80, 1, 99, xzLZMA2, 1, 0}, 4 << 10},
		{[]byte{0, xzLZMA2, 1, 41}, 0},
		{[]byte{0, xzLZMA2, 2, 0}, 0},
		{[]byte{0, xzLZMA2 + 1, 1, 0}, 0},
		{[]byte{1, xzLZMA2, 1, 0}, 0},
		{[]byte{0, xzLZMA2, 1}, 0},
		{[]byte{0}, 0},
	} {
		got, err := xzDictionary(c.head)
		if got != c.want || (err == nil) != (c.want != 0) {
			t.Errorf("%x: %d bytes, error %v, want %d", c.head, got, err, c.want)
		}
	}
}

func TestAddresses(t *testing.T) {
	four := append(appendHeader(nil, etherIPv4), make([]byte, 20)...)
	six := append(appendHeader(nil, etherIPv6), make([]byte, 40)...)
	for i := range four[headerLength:] {
		four[headerLength+i] = byte(i)
	}
	for i := range six[headerLength:] {
		six[headerLength+i] = byte(i)
	}
	ethernet := append([]byte{2, 1, 1, 1, 1, 1, 4, 2, 2, 2, 2, 2}, 8, 0)
	group := append([]byte{3, 1, 1, 1, 1, 1, 4, 2, 2, 2, 2, 2}, 8, 0)
	for _, c := range []struct {
		frame    []byte
		ethernet bool
		from, to []byte
	}{
		{ethernet, true, ethernet[6:12], ethernet[:6]},
		{group, true, group[6:12], nil},
		{ethernet[:13], true, nil, nil},
		{four, false, []byte{12, 13, 14, 15}, []byte{16, 17, 18, 19}},
		{four[:headerLength+19], false, nil, nil},
		{six, false, six[headerLength+8 : headerLength+24], six[headerLength+24 : headerLength+40]},
		{six[:headerLength+39], false, nil, nil},
	} {
		if from, to := addresses(c.frame, c.ethernet); !bytes.Equal(from, c.from) || !bytes.Equal(to, c.to) || (to == nil) != (c.to == nil) {
			t.Errorf("%x: from %x to %x, want %x and %x", c.frame, from, to, c.from, c.to)
		}
	}
	for link, want := range map[int]bool{linkEthernet: true, linkWireless: true, linkRadiotap: true, linkRaw: false} {
		if hasAddresses(link) != want {
			t.Errorf("link type %d has addresses: %t", link, !want)
		}
	}
}

// TestSidesAreLearned follows a conversation, a third host, and a group.
func TestSidesAreLearned(t *testing.T) {
	s := sides{}
	a, b, c, group := []byte("a"), []byte("b"), []byte("c"), []byte(nil)
	for i, step := range []struct {
		from, to []byte
		want     int
	}{
		{a, b, 0}, {b, a, 1}, {c, a, 1}, {c, group, 1}, {b, c, 1}, {c, a, 1}, {a, c, 0}, {[]byte("d"), b, 0}, {[]byte("e"), group, 0},
	} {
		if got := s.of(step.from, step.to); got != step.want {
			t.Errorf("packet %d comes from side %d, want %d", i, got, step.want)
		}
	}
	full := sides{}
	for i := range maxSides {
		full[string(binary.BigEndian.AppendUint32(nil, uint32(i)))] = 1
	}
	full.of([]byte("new"), []byte("other"))
	if len(full) != maxSides {
		t.Errorf("%d addresses are remembered", len(full))
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		resolution byte
		offset     int64
		stamp      uint64
		want       time.Time
	}{
		{0, 0, 7, time.Unix(7, 0)},
		{6, 0, 1_500_000, time.Unix(1, 5e8)},
		{9, 0, 1, time.Unix(0, 1)},
		{19, 0, 1e19, time.Unix(1, 0)},
		{20, 0, 1e19, time.Unix(0, 1e8)},
		{28, 0, 1e19, time.Unix(0, 1)},
		{127, 0, math.MaxUint64, time.Unix(0, 1)},
		{0x80, 0, 7, time.Unix(7, 0)},
		{0x80 | 10, 0, 1536, time.Unix(1, 5e8)},
		{0x80 | 63, 0, 1 << 63, time.Unix(1, 0)},
		{0x80 | 64, 0, 1 << 63, time.Unix(0, 5e8)},
		{0x80 | 65, 0, 1 << 63, time.Unix(0, 25e7)},
		{0, 3, 7, time.Unix(10, 0)},
		{0, -3, 7, time.Unix(4, 0)},
		{0, math.MaxInt64, 7, time.Unix(7, 0)},
	} {
		i := iface{resolution: c.resolution, offset: c.offset}
		if got := i.timeOf(c.stamp); !got.Equal(c.want) {
			t.Errorf("%d in units of %#x after %d is %s, want %s", c.stamp, c.resolution, c.offset, got, c.want.UTC())
		}
	}
}

func TestWholeLength(t *testing.T) {
	for _, c := range []struct {
		length, captured uint32
		want             int
	}{{100, 60, 100}, {60, 100, 100}, {math.MaxUint32, 60, maxBig}, {maxBig, 60, maxBig}, {0, 0, 0}} {
		if got := wholeLength(c.length, c.captured); got != c.want {
			t.Errorf("%d of %d: %d, want %d", c.captured, c.length, got, c.want)
		}
	}
}
