package hello

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// version is what a version of QUIC has of its own (RFC 9001 section 5.2, RFC 9369
// section 3.3).
type version struct {
	salt []byte
	// prefix is that of the labels of keys.
	prefix string
	// initial is the type of Initial packets.
	initial byte
}

var versions = map[uint32]*version{
	0x00000001: {salt: []byte("\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a"), prefix: "quic ", initial: 0},
	0x6b3343cf: {salt: []byte("\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9"), prefix: "quicv2 ", initial: 1},
}

const (
	longestID = 20
	// sampleAt is where the sample is, from the packet number on, and its length.
	sampleAt     = 4
	sampleLength = 16
	tagLength    = 16
	longHeader   = 0x80
	fixedBit     = 0x40
)

// QUIC reads the hello in the Initial packets of a client, from datagrams in any order. The
// zero value is ready.
type QUIC struct {
	stream Stream
	// id is that by which the keys were made: the first that the client chose.
	id   []byte
	keys *keys
}

// Datagram reads a datagram of the client. It looks for keys at most once: the packets of a
// datagram have one id (RFC 9000 section 12.2).
func (q *QUIC) Datagram(b []byte) (Hello, Status) {
	var id []byte
	read := false
	for first := true; len(b) > 0; first = false {
		p, rest, ok := initialPacket(b)
		if !ok || !first && !bytes.Equal(id, p.id) {
			break
		}
		b, id = rest, p.id
		if p.of == nil {
			continue
		}
		if !q.packet(p) {
			break
		}
		read = true
	}
	if !read && q.keys == nil {
		return Hello{}, Not
	}
	h, status := Message(q.stream.Prefix())
	if status == More && q.stream.Full() {
		return Hello{}, Not
	}
	return h, status
}

// packet is an Initial packet.
type packet struct {
	// of is nil if the packet is of another type or version.
	of *version
	id []byte
	// bytes are the whole packet, number is where its number begins.
	bytes  []byte
	number int
}

// initialPacket reads the long header of the first packet of a datagram (RFC 9000 section
// 17.2), and returns what follows the packet.
func initialPacket(b []byte) (p packet, rest []byte, ok bool) {
	s := cryptobyte.String(b)
	var first byte
	var number uint32
	var id, source cryptobyte.String
	if !s.ReadUint8(&first) || first&longHeader == 0 || first&fixedBit == 0 || !s.ReadUint32(&number) ||
		!s.ReadUint8LengthPrefixed(&id) || len(id) > longestID || !s.ReadUint8LengthPrefixed(&source) || len(source) > longestID {
		return p, nil, false
	}
	of := versions[number]
	if of == nil {
		return p, nil, false
	}
	kind := first >> 4 & 3
	switch kind {
	case of.initial:
		var token uint64
		if !readVarint(&s, &token) || token > uint64(len(s)) || !s.Skip(int(token)) {
			return p, nil, false
		}
	case (of.initial + 3) & 3:
		return p, nil, false // a Retry has no length
	}
	var length uint64
	if !readVarint(&s, &length) || length > uint64(len(s)) {
		return p, nil, false
	}
	p.number = len(b) - len(s)
	end := p.number + int(length)
	if p.id, p.bytes = id, b[:end]; kind == of.initial {
		p.of = of
	}
	return p, b[end:], true
}

// readVarint reads a number of variable length (RFC 9000 section 16).
func readVarint(s *cryptobyte.String, to *uint64) bool {
	if s.Empty() {
		return false
	}
	length := 1 << ((*s)[0] >> 6)
	var b []byte
	if !s.ReadBytes(&b, length) {
		return false
	}
	n := uint64(b[0] & 0x3f)
	for _, c := range b[1:] {
		n = n<<8 | uint64(c)
	}
	*to = n
	return true
}

// packet reads the CRYPTO frames of a packet, and reports whether it could be read. Those
// of a client have the keys of the first id that it chose, also after the server chose
// another one, unless there was a Retry.
func (q *QUIC) packet(p packet) bool {
	if q.keys != nil {
		if frames := q.keys.open(p); frames != nil {
			return q.frames(frames)
		}
		if bytes.Equal(q.id, p.id) {
			return false
		}
	}
	k := newKeys(p.of, p.id)
	frames := k.open(p)
	if frames == nil {
		return false
	}
	q.keys, q.id, q.stream = k, slices.Clone(p.id), Stream{}
	return q.frames(frames)
}

const (
	framePadding = 0x00
	framePing    = 0x01
	frameACK     = 0x02
	frameACKECN  = 0x03
	frameCrypto  = 0x06
)

// frames takes what is in CRYPTO frames. It reports whether all frames could be read: other
// types than these are not in the Initial packets of a client that goes on (RFC 9000
// section 12.4).
func (q *QUIC) frames(b []byte) bool {
	s := cryptobyte.String(b)
	for !s.Empty() {
		var kind uint8
		var offset, length uint64
		if !s.ReadUint8(&kind) {
			return false
		}
		switch kind {
		case framePadding, framePing:
		case frameACK, frameACKECN:
			if !skipACK(&s, kind == frameACKECN) {
				return false
			}
		case frameCrypto:
			var content []byte
			if !readVarint(&s, &offset) || !readVarint(&s, &length) || length > uint64(len(s)) || !s.ReadBytes(&content, int(length)) {
				return false
			}
			q.stream.Add(int(min(offset, mostBytes)), content)
		default:
			return false
		}
	}
	return true
}

// skipACK passes over an ACK frame (RFC 9000 section 19.3).
func skipACK(s *cryptobyte.String, ecn bool) bool {
	var largest, delay, ranges, first, n uint64
	if !readVarint(s, &largest) || !readVarint(s, &delay) || !readVarint(s, &ranges) || !readVarint(s, &first) {
		return false
	}
	// Each takes at least two bytes.
	if ranges > uint64(len(*s)) {
		return false
	}
	numbers := 2 * ranges
	if ecn {
		numbers += 3
	}
	for range numbers {
		if !readVarint(s, &n) {
			return false
		}
	}
	return true
}

// keys are those of a client's Initial packets.
type keys struct {
	header cipher.Block
	seal   cipher.AEAD
	iv     []byte
}

// newKeys derives the keys from the id that the client chose. Such secrets are known to
// everybody on the way.
func newKeys(of *version, id []byte) *keys {
	secret, err := hkdf.Extract(sha256.New, id, of.salt)
	if err != nil {
		return nil // hashing does not fail
	}
	client := expand(secret, "client in", sha256.Size)
	k := &keys{iv: expand(client, of.prefix+"iv", 12)}
	block, err := aes.NewCipher(expand(client, of.prefix+"key", 16))
	if err != nil {
		return nil
	}
	if k.seal, err = cipher.NewGCM(block); err != nil {
		return nil
	}
	if k.header, err = aes.NewCipher(expand(client, of.prefix+"hp", 16)); err != nil {
		return nil
	}
	return k
}

// expand is HKDF-Expand-Label without a context (RFC 8446 section 7.1).
func expand(secret []byte, label string, length int) []byte {
	const name = "tls13 "
	info := binary.BigEndian.AppendUint16(nil, uint16(length))
	info = append(info, byte(len(name)+len(label)))
	info = append(append(info, name+label...), 0)
	key, err := hkdf.Expand(sha256.New, secret, string(info), length)
	if err != nil {
		return nil
	}
	return key
}

// open decrypts a packet, and returns its frames, nil if it was not made with these keys
// (RFC 9001 section 5). The packet is not changed.
func (k *keys) open(p packet) []byte {
	if k == nil || len(p.bytes) < p.number+sampleAt+sampleLength {
		return nil
	}
	var mask [sampleLength]byte
	k.header.Encrypt(mask[:], p.bytes[p.number+sampleAt:][:sampleLength])
	first := p.bytes[0] ^ mask[0]&0x0f
	length := int(first&3) + 1
	head := slices.Clone(p.bytes[:p.number+length])
	head[0] = first
	nonce := slices.Clone(k.iv)
	for i := range length {
		head[p.number+i] ^= mask[1+i]
		nonce[len(nonce)-length+i] ^= head[p.number+i]
	}
	sealed := p.bytes[p.number+length:]
	if len(sealed) <= tagLength {
		return nil
	}
	frames, err := k.seal.Open(nil, nonce, sealed, head)
	if err != nil {
		return nil
	}
	return frames
}
