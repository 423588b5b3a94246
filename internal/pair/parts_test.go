package pair

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// What a pair says of itself becomes one word, the worst one first.
func TestStatusInWords(t *testing.T) {
	all := Status{Partner: "b", Alive: true, Synced: true, SyncedThere: true, Lag: time.Millisecond}
	with := func(change func(s *Status)) Status {
		s := all
		change(&s)
		return s
	}
	for i, c := range []struct {
		status       Status
		want         flow.PairState
		full, unread bool
	}{
		{all, flow.PairInSync, false, false},
		{with(func(s *Status) { s.Partner, s.Alive = "", false }), flow.PairAlone, false, false},
		{with(func(s *Status) { s.Alive, s.Synced = false, false }), flow.PairAway, false, false},
		{with(func(s *Status) { s.Synced, s.SyncedThere = false, false }), flow.PairCatchingUp, false, false},
		{with(func(s *Status) { s.SyncedThere = false }), flow.PairTelling, false, false},
		{with(func(s *Status) { s.Full = true }), flow.PairInSync, true, false},
		{with(func(s *Status) { s.Unread = true }), flow.PairInSync, false, true},
	} {
		want := flow.Pair{State: c.want, Partner: c.status.Partner, Lag: time.Millisecond, Full: c.full, Unread: c.unread}
		if got := c.status.Pair(); got != want {
			t.Errorf("%d: %+v, want %+v", i, got, want)
		}
	}
}

// Both trackers compute the same hash, of every version: it has a value that stays. It depends
// on every byte of the key and on the ID, and spreads over all shards.
func TestHashes(t *testing.T) {
	var key flow.ToldKey
	for i := range key {
		key[i] = byte(i)
	}
	if h := hashOf(&key, 7); h != wantedHash {
		t.Errorf("the hash is %#x", h)
	}
	seen := map[uint64]bool{hashOf(&key, 8): true, hashOf(&key, 7): true}
	for i := range key {
		other := key
		other[i] ^= 0x80
		seen[hashOf(&other, 7)] = true
		if n := bits.OnesCount64(hashOf(&other, 7) ^ wantedHash); n < 8 {
			t.Errorf("byte %d changes %d bits", i, n)
		}
	}
	if len(seen) != len(key)+2 {
		t.Errorf("%d hashes of %d flows", len(seen), len(key)+2)
	}
	counts := [shards]int{}
	for i := range 64 * shards {
		binary.LittleEndian.PutUint32(key[4:], uint32(i))
		counts[shardOf(hashOf(&key, 7))]++
	}
	if least, most := slices.Min(counts[:]), slices.Max(counts[:]); least < 20 || most > 120 {
		t.Errorf("shards have from %d to %d of 64", least, most)
	}
	if shardOf(0) != 0 || shardOf(math.MaxUint64) != shards-1 || shardOf(1<<54) != 1 {
		t.Error("the shard is not the upper ten bits")
	}
}

const wantedHash = 0x9da9fb9f39fbfbc3

// A digest is a sum for each shard, whatever the order, and comes back.
func TestDigests(t *testing.T) {
	var a, b digest
	for _, h := range []uint64{1, 1 << 54, 5<<54 + 3, 1<<54 + 7} {
		a.add(h)
	}
	for _, h := range []uint64{1<<54 + 7, 5<<54 + 3, 1 << 54} {
		b.add(h)
	}
	if got := a.differs(&b); !slices.Equal(got, []uint16{0}) {
		t.Errorf("the shards %d differ", got)
	}
	text := a.append(nil)
	if back, err := parseDigest(text); err != nil || back != a {
		t.Errorf("it does not come back: %v", err)
	}
	if _, err := parseDigest(text[:len(text)-1]); !errors.Is(err, errShort) {
		t.Errorf("one that is cut off: %v", err)
	}
	if _, err := parseDigest(append(text, 1)); err != nil {
		t.Errorf("one of a later version: %v", err)
	}
}

// A message is read up to its limits and no further.
func TestLimitsOfMessages(t *testing.T) {
	whole := head{kind: kindHello, instance: 5, sequence: 6, sent: 7}
	text := whole.append(nil)
	for i, c := range []struct {
		b    []byte
		want error
		body int
	}{
		{nil, errShort, 0},
		{[]byte{form}, errShort, 0},
		{[]byte{form + 1}, errForm, 0},
		{[]byte{form - 1}, errForm, 0},
		{text[:headSize-1], errShort, 0},
		{text, nil, 0},
		{append(slices.Clone(text), make([]byte, maxMessage-headSize)...), nil, maxMessage - headSize},
		{append(slices.Clone(text), make([]byte, maxMessage-headSize+1)...), errShort, 0},
	} {
		h, body, err := parseHead(c.b)
		if !errors.Is(err, c.want) || len(body) != c.body || err == nil && h != whole {
			t.Errorf("head %d: %+v, %d bytes, %v", i, h, len(body), err)
		}
	}
	if !slices.Equal(text, []byte{1, 1, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0}) {
		t.Errorf("a head is %v", text)
	}
	for _, c := range []struct {
		what string
		body []byte
		fine bool
		n    int
	}{
		{"no records", nil, false, 0},
		{"half a size", []byte{2}, false, 0},
		{"none", []byte{4, 0}, true, 0},
		{"shorter ones", []byte{3, 0, 1, 2, 3}, false, 0},
		{"one", []byte{4, 0, 1, 2, 3, 4}, true, 1},
		{"a longer one", []byte{5, 0, 1, 2, 3, 4, 5}, true, 1},
		{"a part", []byte{4, 0, 1, 2, 3, 4, 5}, false, 0},
		{"three", append([]byte{4, 0}, make([]byte, 12)...), true, 3},
		{"four", append([]byte{4, 0}, make([]byte, 16)...), false, 0},
	} {
		n := 0
		err := records(c.body, 4, 3, func(b []byte) {
			if n++; len(b) != int(c.body[0]) {
				t.Errorf("%s: a record of %d bytes", c.what, len(b))
			}
		})
		if (err == nil) != c.fine || n != c.n {
			t.Errorf("%s: %d records, %v", c.what, n, err)
		}
	}
	for n, fine := range map[int]bool{0: true, 1: true, maxHashes: true, maxHashes + 1: false} {
		_, got, err := parseHashes(appendHashes(nil, shards-1, make([]uint64, n)))
		if (err == nil) != fine || fine && len(got) != n {
			t.Errorf("of %d hashes come %d, %v", n, len(got), err)
		}
	}
	for n, fine := range map[int]bool{0: true, shards: true, shards + 1: false} {
		got, err := parseShards(appendShards(nil, make([]uint16, n)))
		if (err == nil) != fine || fine && len(got) != n {
			t.Errorf("of %d shards come %d, %v", n, len(got), err)
		}
	}
	for i, err := range []error{
		second(parseShards([]byte{1})), second(parseShards(appendShards(nil, []uint16{0, shards}))),
		third(parseHashes([]byte{1})), third(parseHashes(appendHashes(nil, shards, nil))), third(parseHashes(append(appendHashes(nil, 1, nil), 1))),
	} {
		if !errors.Is(err, errShort) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if shard, hashes, err := parseHashes(appendHashes(nil, 3, []uint64{8, 9})); shard != 3 || !slices.Equal(hashes, []uint64{8, 9}) || err != nil {
		t.Errorf("%d, %d, %v", shard, hashes, err)
	}
	if got, err := parseShards(appendShards(nil, []uint16{0, shards - 1})); !slices.Equal(got, []uint16{0, shards - 1}) || err != nil {
		t.Errorf("%d, %v", got, err)
	}
}

func second[A any](_ A, err error) error        { return err }
func third[A, B any](_ A, _ B, err error) error { return err }

// A hello is read as long as it is whole and no longer than one may be.
func TestLimitsOfHellos(t *testing.T) {
	for length, want := range map[int]int{0: 0, 1: 1, maxVersion: maxVersion, maxVersion + 1: maxVersion, 300: maxVersion} {
		h := hello{synced: true, version: string(make([]byte, length))}
		text := h.append(nil)
		got, err := parseHello(text)
		if err != nil || len(got.version) != want || !got.synced {
			t.Errorf("a version of %d bytes comes as one of %d, %v", length, len(got.version), err)
		}
		if _, err := parseHello(append(text, 1, 2)); err != nil {
			t.Errorf("a later version: %v", err)
		}
		if _, err := parseHello(text[:len(text)-1]); !errors.Is(err, errShort) {
			t.Errorf("cut off: %v", err)
		}
	}
	h := hello{}
	text := append(h.append(nil), make([]byte, maxVersion+1)...)
	if text[helloSize-1] = maxVersion + 1; second(parseHello(text)) == nil {
		t.Error("a version is longer than one may be")
	}
	for _, h := range []hello{{uptime: -1}, {echoHeld: -1}} {
		if _, err := parseHello(h.append(nil)); err == nil {
			t.Errorf("%+v is taken", h)
		}
	}
	if h, err := parseHello((&hello{uptime: 0, echoHeld: 0}).append(nil)); err != nil || h.synced {
		t.Errorf("%+v, %v", h, err)
	}
}

// Durations and timeouts of a flow are bounded.
func TestLimitsOfTimes(t *testing.T) {
	for in, want := range map[int64]time.Duration{-1: 0, 0: 0, 1: 1, longest: longest, longest + 1: longest, math.MinInt64: 0} {
		if got := duration(binary.LittleEndian.AppendUint64(nil, uint64(in))); got != want {
			t.Errorf("%d becomes %d", in, got)
		}
	}
	for in, want := range map[time.Duration]time.Duration{
		0: 0, 1: flow.MinTimeout, flow.MinTimeout: flow.MinTimeout, time.Hour: time.Hour, longestTimeout: longestTimeout, longestTimeout + 1: longestTimeout,
	} {
		told := flow.Told{Timeout: in}
		var got flow.Told
		if parseFlow(appendFlow(nil, &told), &got); got.Timeout != want {
			t.Errorf("a timeout of %s becomes %s", in, got.Timeout)
		}
	}
}

// What a pass finds of a flow depends on whose it is, how old it is, and what was asked.
func TestFound(t *testing.T) {
	key := flow.ToldKey{1}
	hash := hashOf(&key, 9)
	shard := shardOf(hash)
	own, theirs, missed := uint32(flow.StateEstablished), uint32(flow.StateEstablished)|toldInherited, uint32(flow.StateEstablished)|toldMissed
	type result struct {
		answers, tell, left, lacking, resent, wants, list int
	}
	for i, c := range []struct {
		control         uint32
		age             time.Duration
		asked, wants    bool
		list            []uint64
		lacking, resent int
		want            result
	}{
		{control: own, age: owned},
		{control: own, asked: true, want: result{answers: 1}},
		{control: theirs, asked: true, want: result{answers: 1}},
		{control: missed, asked: true},
		{control: own, wants: true, want: result{tell: 1, resent: 1}},
		{control: own, wants: true, resent: resend - 1, want: result{tell: 1, resent: resend}},
		{control: own, wants: true, resent: resend, want: result{resent: resend, wants: 1}},
		{control: theirs, age: owned, wants: true, want: result{left: 1, wants: 1}},
		{control: theirs, age: owned - 1, wants: true, want: result{wants: 1}},
		{control: own, age: owned, list: []uint64{hash}},
		{control: own, age: owned, list: []uint64{5}, want: result{tell: 1, lacking: 1, list: 1}},
		{control: own, age: owned - 1, list: []uint64{5}, want: result{list: 1}},
		{control: theirs, age: owned, list: []uint64{5}, want: result{left: 1, list: 1}},
		{control: theirs, age: owned - 1, list: []uint64{5}, want: result{list: 1}},
		{control: missed, age: owned, list: []uint64{5}, want: result{list: 1}},
		{control: own, age: owned, list: []uint64{5}, lacking: resend - 1, want: result{tell: 1, lacking: resend, list: 1}},
		{control: own, age: owned, list: []uint64{5}, lacking: resend, want: result{lacking: resend, list: 1}},
	} {
		q := newQuestions()
		q.asked[shard], q.wants[5] = c.asked, false
		delete(q.wants, 5)
		if c.wants {
			q.wants[hash] = true
		}
		if c.list != nil {
			q.lists[shard] = setOf(c.list)
		}
		f := found{answers: map[uint16][]uint64{}, lacking: c.lacking, resent: c.resent}
		f.note(&q, &flow.Glance{Key: key, ID: 9, Control: c.control, Age: c.age})
		got := result{len(f.answers[shard]), len(f.tell), len(f.left), f.lacking, f.resent, len(q.wants), len(q.lists[shard])}
		if c.lacking > 0 && c.want.lacking == 0 {
			c.want.lacking = c.lacking
		}
		if got != c.want {
			t.Errorf("%d: it finds %+v, want %+v", i, got, c.want)
		}
	}
}
