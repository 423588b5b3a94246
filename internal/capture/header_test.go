package capture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"
)

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
		"two to the end":     {head(radiotapHasFlags|radiotapMore, 5, 0, 0, 0), 0},
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

// A link header is replaced once it is whole, and what is behind it is kept.
func TestLinkHeadersOfEveryLength(t *testing.T) {
	for what, c := range map[string]struct {
		link int
		data []byte
		want string // the ethertype and what follows, of the shortest data that has them
	}{
		"SLL":              {linkSLL, append(make([]byte, 14), 8, 0), "\x08\x00"},
		"SLL2":             {linkSLL2, append([]byte{0x86, 0xdd}, make([]byte, 18)...), "\x86\xdd"},
		"HDLC":             {linkCiscoHDLC, []byte{0x0f, 0, 8, 0}, "\x08\x00"},
		"PPP":              {linkPPP, []byte{0xff, 3, 0, 0x21, 0x45}, "\x08\x00\x45"},
		"a short protocol": {linkPPP, []byte{0x57, 0x60}, "\x86\xdd\x60"},
		"PPPoE":            {linkPPPoE, []byte{0x11, 0, 0, 1, 0, 2, 0x21, 0x45}, "\x08\x00\x45"},
		"a direction":      {linkPPPWithD, []byte{1, 0x21, 0x45}, "\x08\x00\x45"},
		"a loopback":       {linkNull, []byte{2, 0, 0, 0, 0x45}, "\x08\x00\x45"},
		"NFLOG":            {linkNflog, []byte{2, 0, 0, 0, 5, 0, 1, 0, 7, 0, 0, 0, 5, 0, 9, 0, 0x45}, "\x08\x00\x45"},
		"wireless":         {linkWireless, append(make([]byte, 24), 0xaa, 0xaa, 3, 0, 0, 0, 8, 0), "\x08\x00"},
		"wireless QoS":     {linkWireless, append(make([]byte, 26), 0xaa, 0xaa, 3, 0, 0, 0, 8, 0), "\x08\x00"},
	} {
		switch what {
		case "wireless":
			c.data[0] = 0x08
		case "wireless QoS":
			c.data[0] = 0x88
		}
		for n := range len(c.data) + 1 {
			got := links[c.link](nil, &record{data: c.data[:n], order: binary.LittleEndian})
			if n < len(c.data) && got != nil || n == len(c.data) && (len(got) < 12 || string(got[12:]) != c.want) {
				t.Errorf("%s, %d of %d bytes: %x", what, n, len(c.data), got)
			}
		}
	}
}

// The captured length of a packet may be the largest, and a snap length limits it.
func TestLargestCaptured(t *testing.T) {
	for n, ok := range map[uint32]bool{maxCaptured: true, maxCaptured + 1: false} {
		head := make([]byte, 16)
		binary.LittleEndian.PutUint32(head[8:], n)
		p := &pcapFile{in: bytes.NewReader(append(head, make([]byte, n)...)), order: binary.LittleEndian, header: make([]byte, 16)}
		if r, err := p.next(); (err == nil) != ok || ok && len(r.data) != int(n) {
			t.Errorf("%d bytes: %v", n, err)
		}
		body := append(make([]byte, 20), make([]byte, n)...)
		binary.LittleEndian.PutUint32(body[12:], n)
		ng := &pcapngFile{order: binary.LittleEndian, ifaces: []iface{{link: linkEthernet}}}
		if r, err := ng.packet(blockEnhanced, body); (err == nil) != ok || ok && len(r.data) != int(n) {
			t.Errorf("%d bytes of pcapng: %v", n, err)
		}
	}
	for snap, want := range map[uint32]int{0: 6, 1: 1, 5: 5, 6: 6, 7: 6} {
		ng := &pcapngFile{order: binary.LittleEndian, ifaces: []iface{{link: linkEthernet, snap: snap}}}
		if r, err := ng.simple([]byte{6, 0, 0, 0, 1, 2, 3, 4, 5, 6}); err != nil || len(r.data) != want || r.length != 6 {
			t.Errorf("a snap length of %d: %d bytes, %v", snap, len(r.data), err)
		}
	}
}
