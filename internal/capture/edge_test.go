package capture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"strings"
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
		{a, b, 0}, {b, a, 1}, {c, a, 1}, {c, group, 1}, {b, c, 1}, {a, c, 0}, {[]byte("d"), b, 0}, {[]byte("e"), group, 0},
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

func TestRadiotapFlags(t *testing.T) {
	head := func(present uint32, rest ...byte) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte{0, 0, 0, 0}, present), rest...)
	}
	for name, c := range map[string]struct {
		header []byte
		want   byte
	}{
		"none":               {head(0, 9), 0},
		"flags":              {head(radiotapHasFlags, 9), 9},
		"cut":                {head(radiotapHasFlags), 0},
		"after the time":     {head(radiotapHasFlags|radiotapHasTime, 1, 2, 3, 4, 5, 6, 7, 8, 9), 9},
		"time and no flags":  {head(radiotapHasTime, 1, 2, 3, 4, 5, 6, 7, 8, 9), 0},
		"two bitmaps":        {head(radiotapHasFlags|radiotapMore, 0, 0, 0, 0, 9), 9},
		"two, and a time":    {head(radiotapHasFlags|radiotapHasTime|radiotapMore, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9), 9},
		"three bitmaps":      {head(radiotapHasFlags|radiotapMore, 0, 0, 0, 0x80, 0, 0, 0, 0, 9), 9},
		"bitmaps to the end": {head(radiotapHasFlags|radiotapMore, 0, 0, 0, 0x80), 0},
	} {
		if got := radiotapFlags(c.header); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// TestInterfacesAreBounded describes more interfaces than a file may have.
func TestInterfacesAreBounded(t *testing.T) {
	p := &pcapngFile{order: binary.LittleEndian}
	body := make([]byte, 8)
	body[0] = linkEthernet
	if p.addInterface(body[:7]) == nil {
		t.Error("a short description is none too short")
	}
	p.ifaces = make([]iface, maxInterfaces-1)
	if err := p.addInterface(body); err != nil {
		t.Error(err)
	}
	if p.addInterface(body) == nil {
		t.Error("one more than there may be")
	}
}

// TestNames keeps those of the first two interfaces that can be read.
func TestNames(t *testing.T) {
	p := &pcapngFile{order: binary.LittleEndian}
	for i, link := range []byte{147, linkEthernet, linkRaw, linkEthernet} {
		body := append([]byte{link, 0, 0, 0, 0, 0, 0, 0}, optionName, 0, 1, 0, byte('a'+i), 0, 0, 0)
		if err := p.addInterface(body); err != nil {
			t.Fatal(err)
		}
	}
	names := ""
	for _, i := range p.ifaces {
		names += i.name + "."
	}
	if names != ".b.c.." || p.leader != 1 || p.usable != 3 {
		t.Errorf("names %q, leader %d, %d usable", names, p.leader, p.usable)
	}
	for i, want := range []int{0, 0, 1, 1} {
		if side, several := p.side(i); side != want || !several {
			t.Errorf("interface %d is side %d of several: %t", i, side, several)
		}
	}
}

// TestOptionsEnd reads no option after the end of them, or beyond the block.
func TestOptionsEnd(t *testing.T) {
	name := []byte{optionName, 0, 1, 0, 'a', 0, 0, 0}
	for want, options := range map[string][]byte{
		"a": name,
		"":  append([]byte{optionEnd, 0, 0, 0}, name...),
		".": {optionName, 0, 9, 0, 'a', 0, 0, 0},
		"b": append(bytes.Clone(name), optionName, 0, 1, 0, 'b'), // without padding
	} {
		p := &pcapngFile{order: binary.LittleEndian}
		if err := p.addInterface(append([]byte{linkEthernet, 0, 0, 0, 0, 0, 0, 0}, options...)); err != nil {
			t.Fatal(err)
		}
		if got := p.ifaces[0].name; want == "." && got != "" || want != "." && got != want {
			t.Errorf("%x gives the name %q, want %q", options, got, want)
		}
	}
}

// TestCompleteHeaders cuts a frame of TCP with options at every byte. Only options can be
// made up.
func TestCompleteHeaders(t *testing.T) {
	frame := append(appendHeader(nil, etherIPv4), ip4(protoTCP, 0)...)
	frame = append(frame, make([]byte, 12)...)
	frame = append(frame, 7<<4, 0, 0, 0, 0, 0, 0, 0)
	header := len(frame)
	frame = append(frame, 2, 4, 5, 180, 1, 3, 3, 7)
	for n := range len(frame) + 1 {
		whole, ok := complete(bytes.Clone(frame[:n]))
		if want := n >= header; ok != want {
			t.Errorf("%d of %d bytes can be completed: %t", n, len(frame), ok)
		}
		if ok && (len(whole) != len(frame) || !bytes.Equal(whole[:header], frame[:header])) {
			t.Errorf("%d bytes become %x", n, whole)
		}
	}
}

// Two bytes of a PPP frame are address and control only if they have their values, and
// the protocol may have one byte.
func TestPPPHeaders(t *testing.T) {
	ip := ip4(protoUDP, 0)
	want := string(appendIP(nil, ip))
	for begin, ok := range map[string]bool{
		"\xff\x03\x00\x21": true, "\x00\x21": true, "\x21": true, "\xff\x03\x21": true,
		"\xff\x02\x00\x21": false, "\xfe\x03\x00\x21": false, "\x00\x22": false, "\x23": false,
	} {
		got := string(appendPPP(nil, append([]byte(begin), ip...)))
		if ok != (got == want) || !ok && got != "" {
			t.Errorf("%q: %q", begin, got)
		}
	}
	for _, short := range []string{"", "\xff", "\xff\x03", "\xff\x03\x00", "\x00"} {
		if got := appendPPP(nil, []byte(short)); len(got) != 0 {
			t.Errorf("%q: %q", short, got)
		}
	}
}

// A frame checksum is dropped if the flags say that there is one.
func TestRadiotapFrames(t *testing.T) {
	frame := append(append(append([]byte{wirelessData}, make([]byte, 23)...), snap...), append([]byte{8, 0}, ip4(protoUDP, 0)...)...)
	want := string(appendWireless(nil, frame))
	if want == "" {
		t.Fatal("the frame is not read")
	}
	header := func(length, flags byte) []byte { return []byte{0, 0, length, 0, radiotapHasFlags, 0, 0, 0, flags} }
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"without a checksum", append(header(9, 0), frame...), want},
		{"with one", append(append(header(9, radiotapFCS), frame...), 1, 2, 3, 4), want},
		{"with a wrong one", append(append(header(9, radiotapFCS|radiotapBadFCS), frame...), 1, 2, 3, 4), ""},
		{"a header of seven bytes", append(header(7, 0), frame...), ""},
		{"a header that is longer than all", header(10, 0), ""},
		{"seven bytes", header(8, 0)[:7], ""},
		{"nothing but a header", header(9, radiotapFCS), ""},
	} {
		if got := string(appendRadiotap(nil, c.data)); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	// A header may end with the bitmap.
	short := append([]byte{0, 0, 8, 0, 0, 0, 0, 0}, frame...)
	if got := string(appendRadiotap(nil, short)); got != want {
		t.Errorf("without fields: %q", got)
	}
}

// The memory that a compressed file may take is bounded.
func TestWindow(t *testing.T) {
	if maxWindow != 128<<20 {
		t.Errorf("%d", maxWindow)
	}
	for bits, ok := range map[byte]bool{30: true, 31: false} { // 128 and 192 MiB
		r := &xzReader{in: bufio.NewReader(bytes.NewReader([]byte{0, xzLZMA2, 1, bits, 0, 0, 0, 0, 0, 0, 0}))}
		if err := r.beginBlock(7); (err == nil) != ok {
			t.Errorf("2^%d: %v", bits, err)
		}
	}
}

// A packet of which nothing is left is no end of the file. The buffer is used again if it
// is large enough.
func TestReadInto(t *testing.T) {
	var buffer []byte
	for _, c := range []struct {
		text string
		n    int
		err  error
		room int
	}{
		{"", 0, nil, 0},
		{"", 5, io.ErrUnexpectedEOF, 5},
		{"abc", 5, io.ErrUnexpectedEOF, 5},
		{"abcdef", 5, nil, 5},
		{"ab", 2, nil, 5},
		{"abcdefg", 7, nil, 7},
		{"", 0, nil, 7},
	} {
		b, err := readInto(&buffer, strings.NewReader(c.text), c.n)
		if err != c.err || len(b) != c.n || len(buffer) != c.room || err == nil && string(b) != c.text[:c.n] { //nolint:errorlint // the very same
			t.Errorf("%d of %q: %q, %v, room for %d", c.n, c.text, b, err, len(buffer))
		}
	}
}
