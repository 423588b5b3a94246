package hello

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"

	"golang.org/x/crypto/cryptobyte"
)

// The keys are those of the examples in RFC 9001 (A.1) and RFC 9369 (A.1).
func TestKeysOfRFC(t *testing.T) {
	id, _ := hex.DecodeString("8394c8f03e515708")
	for number, want := range map[uint32][3]string{
		0x00000001: {"1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2"},
		0x6b3343cf: {"8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9"},
	} {
		k := newKeys(versions[number], id)
		if iv := hex.EncodeToString(k.iv); iv != want[1] {
			t.Errorf("version %x: iv %s, want %s", number, iv, want[1])
		}
		sample := []byte("sixteen bytes...")
		for what, check := range map[string]struct{ key, got string }{
			"key": {want[0], hex.EncodeToString(k.seal.Seal(nil, k.iv, sample, nil))},
			"hp":  {want[2], encrypted(k, sample)},
		} {
			if want := with(t, what, check.key, k.iv, sample); check.got != want {
				t.Errorf("version %x: another %s than %s", number, what, check.key)
			}
		}
	}
}

// long returns the long header of a packet, with a length of what follows.
func long(first byte, number uint32, id, source, token, rest []byte) []byte {
	b := []byte{first, byte(number >> 24), byte(number >> 16), byte(number >> 8), byte(number)}
	b = append(b, prefixed(1, id)...)
	b = append(b, prefixed(1, source)...)
	if token != nil {
		b = append(append(b, varint(uint64(len(token)))...), token...)
	}
	return append(append(b, varint(uint64(len(rest)))...), rest...)
}

// A long header is read up to the packet's end; of an Initial packet also the token.
func TestLongHeaders(t *testing.T) {
	none, rest := []byte{}, []byte("0123456789")
	id := func(n int) []byte { return bytes.Repeat([]byte{7}, n) }
	const v1, v2 = 1, 0x6b3343cf
	for what, c := range map[string]struct {
		b           []byte
		ok, initial bool
	}{
		"initial":                     {long(0xc0, v1, id(8), id(3), none, rest), true, true},
		"without ids":                 {long(0xc0, v1, none, none, none, rest), true, true},
		"with a token":                {long(0xc0, v1, id(8), none, id(50), rest), true, true},
		"the longest ids":             {long(0xc0, v1, id(20), id(20), none, rest), true, true},
		"a longer id":                 {long(0xc0, v1, id(21), none, none, rest), false, false},
		"a longer source":             {long(0xc0, v1, id(8), id(21), none, rest), false, false},
		"no long header":              {long(0x40, v1, id(8), none, none, rest), false, false},
		"without the fixed bit":       {long(0x80, v1, id(8), none, none, rest), false, false},
		"of another version":          {long(0xc0, 2, id(8), none, none, rest), false, false},
		"0-RTT":                       {long(0xd0, v1, id(8), none, nil, rest), true, false},
		"handshake":                   {long(0xe0, v1, id(8), none, nil, rest), true, false},
		"retry":                       {long(0xf0, v1, id(8), none, nil, rest), false, false},
		"initial of version 2":        {long(0xd0, v2, id(8), none, none, rest), true, true},
		"0-RTT of version 2":          {long(0xe0, v2, id(8), none, nil, rest), true, false},
		"handshake of version 2":      {long(0xf0, v2, id(8), none, nil, rest), true, false},
		"retry of version 2":          {long(0xc0, v2, id(8), none, nil, rest), false, false},
		"a token beyond the packet":   {append([]byte{0xc0, 0, 0, 0, 1, 0, 0}, varint(9)...), false, false},
		"no token":                    {[]byte{0xc0, 0, 0, 0, 1, 0, 0}, false, false},
		"a token of all that is left": {append([]byte{0xc0, 0, 0, 0, 1, 0, 0, 2}, "ab"...), false, false},
		"half a varint":               {[]byte{0xc0, 0, 0, 0, 1, 0, 0, 0x80, 0}, false, false},
	} {
		p, after, ok := initialPacket(append(slices.Clone(c.b), "after"...))
		if ok != c.ok || ok && (string(after) != "after" || string(p.bytes[p.number:]) != string(rest) || (p.of != nil) != c.initial) {
			t.Errorf("%s: %+v, %q, %t", what, p, after, ok)
		}
		if !c.ok {
			continue
		}
		for i := range c.b {
			if _, _, ok := initialPacket(c.b[:i]); ok {
				t.Errorf("%s, cut at %d, is read", what, i)
			}
		}
	}
}

// Numbers have one to eight bytes, as in the examples of RFC 9000 (A.1).
func TestVarints(t *testing.T) {
	for text, want := range map[string]uint64{
		"c2197c5eff14e88c": 151288809941952652, "9d7f3e7d": 494878333, "7bbd": 15293, "25": 37, "4025": 37, "3f": 63,
	} {
		b, _ := hex.DecodeString(text)
		s := cryptobyte.String(append(b, 0xff))
		var n uint64
		if !readVarint(&s, &n) || n != want || len(s) != 1 {
			t.Errorf("%s is %d, and %d bytes are left", text, n, len(s))
		}
		for i := range b {
			if s := cryptobyte.String(b[:i]); readVarint(&s, &n) {
				t.Errorf("%s, cut at %d, is %d", text, i, n)
			}
		}
	}
}

// Frames that may stand beside those of the hello are passed over, and whatever cannot be
// read ends the packet.
func TestFrames(t *testing.T) {
	ack := func(kind byte, ranges int, numbers ...byte) []byte {
		return append([]byte{kind, 9, 9, byte(ranges), 9}, numbers...)
	}
	hello := cryptoFrame([]byte("abc"), 0, 3)
	for what, c := range map[string]struct {
		before []byte
		ok     bool
	}{
		"nothing":               {nil, true},
		"padding and ping":      {[]byte{framePadding, framePing, framePadding}, true},
		"an ACK":                {ack(frameACK, 0), true},
		"an ACK of ranges":      {ack(frameACK, 2, 1, 2, 3, 4), true},
		"an ACK with ECN":       {ack(frameACKECN, 0, 1, 2, 3), true},
		"both":                  {ack(frameACKECN, 1, 1, 2, 3, 4, 5), true},
		"an ACK without an end": {ack(frameACK, 60), false},
		"an unknown frame":      {[]byte{0x1c}, false},
	} {
		var q QUIC
		if ok := q.frames(append(slices.Clone(c.before), hello...)); ok != c.ok || ok != (string(q.stream.Prefix()) == "abc") {
			t.Errorf("%s: %t, %q", what, ok, q.stream.Prefix())
		}
		if !c.ok {
			continue
		}
		// No cut of a frame is a frame. Padding and pings have one byte.
		for i := range c.before {
			if c.before[0] >= frameACK && i > 0 && q.frames(c.before[:i]) {
				t.Errorf("%s, cut at %d, is read", what, i)
			}
		}
	}
	for i := range hello {
		if i > 0 && new(QUIC).frames(hello[:i]) {
			t.Errorf("a hello, cut at %d, is read", i)
		}
	}
	// Ranges take two bytes at least: these are said to be more than there are.
	s := cryptobyte.String(append([]byte{9, 9, 3, 9}, 1, 2))
	if skipACK(&s, false) {
		t.Error("three ranges in two bytes")
	}
}

// A datagram may begin with packets of other types, and what follows the hello does not
// matter.
func TestPacketsOfDatagrams(t *testing.T) {
	p := plainParts(prefixed(2, hostEntry(0, "a.example")))
	message, id := p.message(), []byte("12345678")
	whole := initial(1, id, 0, cryptoFrame(message, 0, len(message)))
	early := long(0xd0, 1, id, nil, nil, []byte("0-RTT"))
	for what, c := range map[string]struct {
		b      []byte
		status Status
	}{
		"alone":               {whole, Done},
		"behind another":      {slices.Concat(early, whole), Done},
		"before another":      {slices.Concat(whole, early), Done},
		"before what is none": {slices.Concat(whole, []byte("x")), Done},
		"another alone":       {early, Not},
		"what is none first":  {slices.Concat([]byte("x"), whole), Not},
	} {
		var q QUIC
		if h, status := q.Datagram(c.b); status != c.status || (h.Name == "a.example") != (status == Done) {
			t.Errorf("%s: %+v, %d", what, h, status)
		}
	}
	// A stream that is full without a hello is none.
	big := append([]byte{typeClientHello, 0, 0x30, 0}, make([]byte, mostBytes)...)
	var q QUIC
	for from := 0; from < mostBytes; from += 1024 {
		_, status := q.Datagram(initial(1, id, uint16(from), cryptoFrame(big, from, from+1024)))
		if last := from+1024 == mostBytes; last != (status == Not) {
			t.Errorf("%d bytes of a hello that is longer: %d", from+1024, status)
		}
	}
}

// The keys of a flow that began stay after what cannot be read, and a Retry begins afresh
// with another id.
func TestKeysStay(t *testing.T) {
	message, id := plainParts(prefixed(2, hostEntry(0, "a.example"))).message(), []byte("12345678")
	half := len(message) / 2
	var q QUIC
	_, first := q.Datagram(initial(1, id, 0, cryptoFrame(message, 0, half)))
	_, second := q.Datagram([]byte("what is none"))
	damaged := initial(1, id, 1, cryptoFrame(message, half, len(message)))
	damaged[len(damaged)-1] ^= 1
	_, third := q.Datagram(damaged)
	rest := initial(1, id, 2, cryptoFrame(message, half, len(message)))
	if _, status := q.Datagram(slices.Concat(damaged, rest)); status != More {
		t.Errorf("what follows a damaged packet is read: %d", status)
	}
	h, fourth := q.Datagram(rest)
	if first != More || second != More || third != More || fourth != Done || h.Name != "a.example" {
		t.Errorf("%d %d %d %d %+v", first, second, third, fourth, h)
	}
}

// The shortest packet has a sample, and more than a tag.
func TestShortPackets(t *testing.T) {
	k := newKeys(versions[1], nil)
	for n := range sampleAt + sampleLength + tagLength {
		if frames := k.open(packet{of: versions[1], bytes: make([]byte, 5+n), number: 5}); frames != nil {
			t.Errorf("a packet of %d bytes has frames", n)
		}
	}
	if (*keys)(nil).open(packet{bytes: make([]byte, 100)}) != nil {
		t.Error("no keys open a packet")
	}
}
