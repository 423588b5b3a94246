package capture

import (
	"encoding/binary"
	"slices"
	"testing"
)

// Headers are found once a frame has all of them, and not before, whatever stands between
// Ethernet and the transport protocol.
func TestLayoutOfEveryLength(t *testing.T) {
	ip4 := func(proto byte, words int) []byte {
		b := make([]byte, 4*words)
		b[0], b[9] = 0x40|byte(words), proto
		return b
	}
	ip6 := func(next byte, extensions ...byte) []byte {
		b := make([]byte, 40)
		b[0], b[6] = 0x60, next
		return append(b, extensions...)
	}
	rest := make([]byte, 40)
	for what, c := range map[string]struct {
		link, network []byte
		at            int
		six           bool
		proto         byte
		later         bool
	}{
		"IPv4":               {[]byte{8, 0}, ip4(17, 5), 14, false, 17, false},
		"options":            {[]byte{8, 0}, ip4(6, 15), 14, false, 6, false},
		"a VLAN":             {[]byte{0x81, 0, 0, 5, 8, 0}, ip4(17, 5), 18, false, 17, false},
		"two VLANs":          {[]byte{0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0}, ip4(17, 5), 22, false, 17, false},
		"an old VLAN":        {[]byte{0x91, 0, 0, 5, 0x86, 0xdd}, ip6(17), 18, true, 17, false},
		"PPPoE":              {[]byte{0x88, 0x64, 0x11, 0, 0, 1, 0, 9, 0, 0x21}, ip4(17, 5), 22, false, 17, false},
		"PPPoE of IPv6":      {[]byte{0x88, 0x64, 0x11, 0, 0, 1, 0, 9, 0, 0x57}, ip6(58), 22, true, 58, false},
		"MPLS":               {[]byte{0x88, 0x47, 0, 0, 0x11, 64}, ip4(17, 5), 18, false, 17, false},
		"two labels":         {[]byte{0x88, 0x48, 0, 0, 0x10, 64, 0, 0, 0x21, 64}, ip6(17), 22, true, 17, false},
		"IPv6":               {[]byte{0x86, 0xdd}, ip6(6), 14, true, 6, false},
		"a header of 8":      {[]byte{0x86, 0xdd}, ip6(0, 17, 0, 0, 0, 0, 0, 0, 0), 14, true, 17, false},
		"a header of 16":     {[]byte{0x86, 0xdd}, ip6(60, append([]byte{6, 1}, make([]byte, 14)...)...), 14, true, 6, false},
		"two headers":        {[]byte{0x86, 0xdd}, ip6(43, 135, 0, 0, 0, 0, 0, 0, 0, 58, 0, 0, 0, 0, 0, 0, 0), 14, true, 58, false},
		"a mobility header":  {[]byte{0x86, 0xdd}, ip6(135, 17, 0, 0, 0, 0, 0, 0, 0), 14, true, 17, false},
		"host identity":      {[]byte{0x86, 0xdd}, ip6(139, 6, 0, 0, 0, 0, 0, 0, 0), 14, true, 6, false},
		"a shim":             {[]byte{0x86, 0xdd}, ip6(140, 58, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 14, true, 58, false},
		"a first fragment":   {[]byte{0x86, 0xdd}, ip6(44, 17, 0, 0, 1, 0, 0, 0, 7), 14, true, 17, false},
		"a later fragment":   {[]byte{0x86, 0xdd}, ip6(44, 17, 0, 0, 8, 0, 0, 0, 7), 14, true, 17, true},
		"reserved bits":      {[]byte{0x86, 0xdd}, ip6(44, 17, 99, 0, 6, 0, 0, 0, 7), 14, true, 17, false},
		"no more behind one": {[]byte{0x86, 0xdd}, ip6(59), 14, true, 59, false},
	} {
		frame := slices.Concat(make([]byte, 12), c.link, c.network, rest)
		headers := 12 + len(c.link) + len(c.network)
		for n := range len(frame) + 1 {
			l, ok := layoutOf(frame[:n:n])
			want := layout{network: c.at, transport: headers, six: c.six, proto: c.proto, later: c.later}
			if ok != (n >= headers) || ok && l != want || !ok && n > c.at && !l.cut {
				t.Errorf("%s, %d bytes of %d: %+v, %t, want %+v", what, n, headers, l, ok, want)
			}
		}
	}
	for what, frame := range map[string][]byte{
		"a short IPv4 header": slices.Concat(make([]byte, 12), []byte{8, 0, 0x44}, rest),
		"IPv6 as IPv4":        slices.Concat(make([]byte, 12), []byte{8, 0, 0x65}, rest),
		"IPv4 as IPv6":        slices.Concat(make([]byte, 12), []byte{0x86, 0xdd, 0x45}, rest),
		"ARP":                 slices.Concat(make([]byte, 12), []byte{8, 6, 0, 1}, rest),
		"PPPoE of LCP":        slices.Concat(make([]byte, 12), []byte{0x88, 0x64, 0x11, 0, 0, 1, 0, 9, 0xc0, 0x21}, rest),
		"MPLS of Ethernet":    slices.Concat(make([]byte, 12), []byte{0x88, 0x47, 0, 0, 0x11, 64, 0, 0}, rest),
	} {
		if l, ok := layoutOf(frame); ok || l.cut {
			t.Errorf("%s: %+v, %t", what, l, ok)
		}
	}
	four := ip4(17, 5)
	for offset, later := range map[uint16]bool{0: false, 0x4000: false, 0x2000: false, 1: true, 0x1fff: true} {
		binary.BigEndian.PutUint16(four[6:], offset)
		if l, ok := networkLayout(append(four, rest...), 0, false); !ok || l.later != later {
			t.Errorf("fragment field %#x: %+v", offset, l)
		}
	}
	tags := slices.Repeat([]byte{0x81, 0, 0, 5}, maxHeaders)
	for _, c := range []struct {
		link []byte
		ok   bool
	}{{slices.Concat(tags, []byte{8, 0}), true}, {slices.Concat([]byte{0x81, 0, 0, 5}, tags, []byte{8, 0}), false}} {
		if _, ok := layoutOf(slices.Concat(make([]byte, 12), c.link, ip4(17, 5), rest)); ok != c.ok {
			t.Errorf("%d tags: %t", len(c.link)/4, ok)
		}
	}
}

// Each protocol's header is whole at its own length, an ICMP error with what it quotes.
func TestWholeTransport(t *testing.T) {
	for _, c := range []struct {
		proto byte
		six   bool
		begin []byte
		whole int
	}{
		{6, false, append(make([]byte, 12), 0x50), 20},
		{6, true, append(make([]byte, 12), 0xf0), 60},
		{17, false, nil, 8},
		{136, true, nil, 8},
		{132, false, nil, 12},
		{33, true, nil, 12},
		{1, false, []byte{8}, 8},
		{1, false, []byte{0}, 8},
		{58, true, []byte{128}, 8},
		{1, false, []byte{3, 0, 0, 0, 0, 0, 0, 0, 0x45, 9: 0, 17: 17}, 36},
		{1, false, []byte{11, 0, 0, 0, 0, 0, 0, 0, 0x45, 17: 47}, 28},
		{1, false, []byte{2, 0, 0, 0, 0, 0, 0, 0, 0x45, 17: 17}, 8},
		{1, false, []byte{6, 8: 0x45}, 8},
		{1, false, []byte{10, 8: 0x45}, 8},
		{1, false, []byte{13, 8: 0x45}, 8},
		{1, false, []byte{5, 8: 0x45, 17: 6}, 36},
		{1, false, []byte{12, 8: 0x45, 17: 6}, 36},
		{58, true, []byte{1, 8: 0x60, 14: 6}, 56},
		{58, true, []byte{4, 8: 0x60, 14: 58}, 56},
		{58, true, []byte{5, 8: 0x60, 14: 6}, 8},
		{58, true, []byte{0, 8: 0x60}, 8},
		{1, true, []byte{3, 8: 0x60}, 8},
		{58, false, []byte{1, 8: 0x45}, 8},
		{47, false, nil, 0},
	} {
		b := append(slices.Clone(c.begin), make([]byte, 80-len(c.begin))...)
		for n := range b {
			if got := (layout{proto: c.proto, six: c.six}).transportWhole(b[:n]); got != (n >= c.whole) {
				t.Errorf("protocol %d, IPv6 %t, %x: %d bytes are whole: %t", c.proto, c.six, c.begin, n, got)
			}
		}
	}
}
