package pair

import (
	"encoding/binary"
	"errors"
	"time"

	"ctop/tracker/flow"
)

// form is the version of the messages. Fields may be added at the end of bodies and of
// records without another one.
const form = 1

// kind is the kind of a message.
type kind uint8

const (
	kindHello kind = iota + 1
	kindFlows
	kindEnds
	kindDigest
	kindAsk
	kindList
	kindWant
	kindSynced
)

// The sizes of what messages consist of, and the limits of one.
const (
	headSize   = 24
	flowSize   = 196
	endSize    = 57
	maxFlows   = 300
	maxEnds    = 1000
	maxHashes  = 64 << 10
	maxMessage = 1 << 20
	maxVersion = 64
)

var (
	errShort = errors.New("the message is cut off or too long")
	errForm  = errors.New("the message has another form")
)

// head begins each message.
type head struct {
	kind kind
	// instance is the run of the sender, sequence the number of the message in it.
	instance uint64
	sequence uint32
	// sent is when, by the sender's own clock.
	sent uint64
}

func (h head) append(b []byte) []byte {
	b = append(b, form, byte(h.kind), 0, 0)
	b = binary.LittleEndian.AppendUint64(b, h.instance)
	b = binary.LittleEndian.AppendUint32(b, h.sequence)
	return binary.LittleEndian.AppendUint64(b, h.sent)
}

// parseHead returns the head of a message, and its body.
func parseHead(b []byte) (h head, body []byte, err error) {
	if len(b) > 0 && b[0] != form {
		return h, nil, errForm
	}
	if len(b) < headSize || len(b) > maxMessage {
		return h, nil, errShort
	}
	h = head{
		kind: kind(b[1]), instance: binary.LittleEndian.Uint64(b[4:]),
		sequence: binary.LittleEndian.Uint32(b[12:]), sent: binary.LittleEndian.Uint64(b[16:]),
	}
	return h, b[headSize:], nil
}

// hello is what a tracker says of itself.
type hello struct {
	uptime                     time.Duration
	present, capacity, refused uint32
	synced                     bool
	// The latest message of the partner, and how long ago it came.
	echoInstance, echoSent uint64
	echoHeld               time.Duration
	version                string
}

const helloSize = 46

func (h *hello) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(h.uptime))
	for _, v := range [...]uint32{h.present, h.capacity, h.refused} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	synced := byte(0)
	if h.synced {
		synced = 1
	}
	b = append(b, synced)
	for _, v := range [...]uint64{h.echoInstance, h.echoSent, uint64(h.echoHeld)} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	version := h.version[:min(len(h.version), maxVersion)]
	return append(append(b, byte(len(version))), version...)
}

func parseHello(b []byte) (h hello, err error) {
	if len(b) < helloSize || len(b) < helloSize+int(b[helloSize-1]) || b[helloSize-1] > maxVersion {
		return h, errShort
	}
	h = hello{
		uptime:  time.Duration(binary.LittleEndian.Uint64(b)),
		present: binary.LittleEndian.Uint32(b[8:]), capacity: binary.LittleEndian.Uint32(b[12:]), refused: binary.LittleEndian.Uint32(b[16:]),
		synced:       b[20] == 1,
		echoInstance: binary.LittleEndian.Uint64(b[21:]), echoSent: binary.LittleEndian.Uint64(b[29:]),
		echoHeld: time.Duration(binary.LittleEndian.Uint64(b[37:])),
		version:  string(b[helloSize : helloSize+int(b[helloSize-1])]),
	}
	if h.uptime < 0 || h.echoHeld < 0 {
		return h, errShort
	}
	return h, nil
}

func appendFlow(b []byte, t *flow.Told) []byte {
	b = append(b, t.Key[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(t.ID))
	b = binary.LittleEndian.AppendUint32(b, t.Control)
	b = binary.LittleEndian.AppendUint64(b, uint64(t.Age))
	b = binary.LittleEndian.AppendUint64(b, uint64(t.Timeout))
	for d := range t.Halves {
		h := &t.Halves[d]
		for _, v := range [...]uint64{h.Packets, h.Bytes, uint64(h.Idle)} {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		for _, v := range [...]uint32{h.End, h.Acked, h.Limit, h.MaxWindow, h.SYN, h.FIN, uint32(h.RTT / time.Microsecond)} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		for _, v := range [...]uint16{h.Retransmits, h.Reordered, h.ZeroWindows} {
			b = binary.LittleEndian.AppendUint16(b, v)
		}
		b = append(b, h.WindowScale, 0)
	}
	return b
}

// parseFlow parses a record of at least flowSize bytes. Durations are not negative.
func parseFlow(b []byte, t *flow.Told) {
	le := binary.LittleEndian
	*t = flow.Told{
		Glance:  flow.Glance{Key: flow.ToldKey(b), ID: flow.ID(le.Uint64(b[48:])), Control: le.Uint32(b[56:]), Age: duration(b[60:])},
		Timeout: duration(b[68:]),
	}
	if t.Timeout != 0 {
		t.Timeout = min(max(t.Timeout, flow.MinTimeout), longestTimeout)
	}
	for d := range t.Halves {
		half := b[76+60*d:]
		h := &t.Halves[d]
		h.Packets, h.Bytes, h.Idle = le.Uint64(half), le.Uint64(half[8:]), duration(half[16:])
		h.End, h.Acked, h.Limit = le.Uint32(half[24:]), le.Uint32(half[28:]), le.Uint32(half[32:])
		h.MaxWindow, h.SYN, h.FIN = le.Uint32(half[36:]), le.Uint32(half[40:]), le.Uint32(half[44:])
		h.RTT = time.Duration(le.Uint32(half[48:])) * time.Microsecond
		h.Retransmits, h.Reordered, h.ZeroWindows = le.Uint16(half[52:]), le.Uint16(half[54:]), le.Uint16(half[56:])
		h.WindowScale = half[58]
	}
}

// longestTimeout is the longest timeout of its own that a flow of the partner gets: nothing
// it enters stays for ever.
const longestTimeout = 30 * 24 * time.Hour

// longest is beyond what any flow lives, and far from what a duration can be.
const longest = 1 << 60

func duration(b []byte) time.Duration {
	return min(max(time.Duration(binary.LittleEndian.Uint64(b)), 0), longest)
}

// end is a flow that has ended.
type end struct {
	key    flow.ToldKey
	id     flow.ID
	reason flow.Reason
}

func (e *end) append(b []byte) []byte {
	b = append(b, e.key[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(e.id))
	return append(b, byte(e.reason))
}

func parseEnd(b []byte) end {
	return end{key: flow.ToldKey(b), id: flow.ID(binary.LittleEndian.Uint64(b[48:])), reason: flow.Reason(b[56])}
}

// records calls visit with each record of a body, which begins with their size. One may be
// longer than this version knows.
func records(body []byte, size, most int, visit func([]byte)) error {
	if len(body) < 2 {
		return errShort
	}
	each := int(binary.LittleEndian.Uint16(body))
	body = body[2:]
	if each < size || len(body)%each != 0 || len(body)/each > most {
		return errShort
	}
	for ; len(body) > 0; body = body[each:] {
		visit(body[:each])
	}
	return nil
}

// appendHashes appends a shard and hashes of its flows.
func appendHashes(b []byte, shard uint16, hashes []uint64) []byte {
	b = binary.LittleEndian.AppendUint16(b, shard)
	for _, h := range hashes {
		b = binary.LittleEndian.AppendUint64(b, h)
	}
	return b
}

func parseHashes(b []byte) (shard uint16, hashes []uint64, err error) {
	if len(b) < 2 || (len(b)-2)%8 != 0 || (len(b)-2)/8 > maxHashes {
		return 0, nil, errShort
	}
	shard = binary.LittleEndian.Uint16(b)
	if shard >= shards {
		return 0, nil, errShort
	}
	for b = b[2:]; len(b) > 0; b = b[8:] {
		hashes = append(hashes, binary.LittleEndian.Uint64(b))
	}
	return shard, hashes, nil
}

// appendShards appends the numbers of shards.
func appendShards(b []byte, all []uint16) []byte {
	for _, s := range all {
		b = binary.LittleEndian.AppendUint16(b, s)
	}
	return b
}

func parseShards(b []byte) (all []uint16, err error) {
	if len(b)%2 != 0 || len(b)/2 > shards {
		return nil, errShort
	}
	for ; len(b) > 0; b = b[2:] {
		s := binary.LittleEndian.Uint16(b)
		if s >= shards {
			return nil, errShort
		}
		all = append(all, s)
	}
	return all, nil
}
