package pair

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// hostile is a partner that says what it likes, to one half.
type hostile struct {
	*testing.T
	now      time.Time
	table    *table
	pair     *Pair
	own      []flow.ToldKey
	instance uint64
	sequence uint32
	// sent is what the half has sent, passes how often its table was gone over.
	sent   [][]byte
	passes int
}

// counted counts passes over a table.
type counted struct {
	*table
	h *hostile
}

func (c counted) Glance(from, n int, visit func(*flow.Glance)) (bool, error) {
	if from == 0 {
		c.h.passes++
	}
	return c.table.Glance(from, n, visit)
}

func newHostile(t *testing.T, capacity, own int) *hostile {
	h := &hostile{T: t, now: time.Unix(1000, 0), instance: 77}
	clock := func() time.Time { return h.now }
	h.table = newTable(clock, capacity)
	h.pair = New(Options{
		Table: counted{h.table, h}, Capacity: capacity, Uptime: func() time.Duration { return time.Hour }, Now: clock,
		Send: func(m []byte) error {
			h.sent = append(h.sent, bytes.Clone(m))
			return nil
		},
	})
	h.own = (&host{world: &world{random: rand.New(rand.NewPCG(1, 1)), now: h.now}, table: h.table}).begin(own)
	return h
}

// say sends a message with a body.
func (h *hostile) say(k kind, body []byte) {
	h.Helper()
	h.sequence++
	m := head{kind: k, instance: h.instance, sequence: h.sequence, sent: uint64(h.now.UnixNano())}.append(nil)
	if err := h.pair.Receive("gate-2", append(m, body...)); err != nil {
		h.Fatal(err)
	}
}

// greet says hello, as one that has heard the half.
func (h *hostile) greet(synced bool) {
	h.Helper()
	greeting := hello{synced: synced, echoInstance: h.pair.instance, echoSent: h.pair.clock(h.now), capacity: 1 << 20}
	h.say(kindHello, greeting.append(nil))
}

// pass lets time pass, while packets of the own flows come.
func (h *hostile) pass(d time.Duration) {
	h.Helper()
	for until := h.now.Add(d); h.now.Before(until); h.now = h.now.Add(Every) {
		for _, key := range h.own {
			h.table.flows[key].heard = h.now
		}
		if err := errors.Join(h.pair.Tick(), h.pair.Compare()); err != nil {
			h.Fatal(err)
		}
	}
}

// holds fails if an own flow was touched, or if more is kept than there may be.
func (h *hostile) holds() {
	h.Helper()
	for _, key := range h.own {
		if e := h.table.flows[key]; e == nil || !e.own {
			h.Fatalf("own flow %x is %+v", key[:8], e)
		}
	}
	if n := h.table.made - h.table.ended; n != len(h.table.flows) {
		h.Fatalf("%d made, %d ended, %d there", h.table.made, h.table.ended, len(h.table.flows))
	}
	if n, most := len(h.table.flows), h.table.capacity-h.table.capacity/spareRoom; n > max(most, len(h.own)) {
		h.Fatalf("%d flows in a table of %d", n, h.table.capacity)
	}
	listed := 0
	for _, list := range h.pair.open.lists {
		listed += len(list)
	}
	if p := h.pair; listed > 2*p.Capacity+maxHashes || len(p.open.wants) > p.Capacity || len(p.open.asked) > shards || len(p.suspect) > shards || len(p.open.expected) > shards {
		h.Fatalf("%d hashes listed, %d wanted, %d asked, %d suspect, %d expected", listed, len(p.open.wants), len(p.open.asked), len(p.suspect), len(p.open.expected))
	}
}

// Lists that nobody asked for take no memory, and those that were asked for are taken once.
func TestUnaskedLists(t *testing.T) {
	h := newHostile(t, 1000, 10)
	h.greet(true)
	h.say(kindSynced, nil)
	hashes := make([]uint64, 4096)
	for i := range hashes {
		hashes[i] = uint64(i)
	}
	for s := range uint16(shards) {
		h.say(kindList, appendHashes(nil, s, hashes))
	}
	if len(h.pair.open.lists) != 0 {
		t.Fatalf("%d lists are kept", len(h.pair.open.lists))
	}
	h.pass(3 * time.Second)
	var d digest
	for range 2 { // what differs is asked for
		for i := range d {
			d[i]++
		}
		h.greet(true)
		h.say(kindDigest, d.append(nil))
		h.pass(2 * time.Second)
	}
	if len(h.pair.open.expected) == 0 {
		t.Fatal("nothing was asked for")
	}
	for range 2 {
		for s := range uint16(shards) {
			h.say(kindList, appendHashes(nil, s, hashes))
		}
		h.holds()
	}
	if len(h.pair.open.lists) == 0 {
		t.Error("no list is kept that was asked for")
	}
	h.pass(time.Second)
	h.holds()
}

// However often it asks, the table is gone over a few times a second.
func TestManyQuestions(t *testing.T) {
	h := newHostile(t, 1000, 10)
	h.greet(true)
	h.say(kindSynced, nil)
	h.pass(3 * time.Second)
	h.passes = 0
	for range 100 {
		for range 20 {
			h.say(kindDigest, make([]byte, 8*shards))
			h.say(kindAsk, appendShards(nil, []uint16{1, 2, 3}))
			h.say(kindWant, appendHashes(nil, 0, []uint64{5, 6, 7}))
		}
		h.greet(true)
		h.pass(100 * time.Millisecond)
		h.holds()
	}
	// In ten seconds: five times for what it asks and once for its digests, each second,
	// and every five seconds for a digest to send.
	if h.passes > 10*(5+1)+3 {
		t.Errorf("%d passes in ten seconds", h.passes)
	}
}

// One that never is in sync is told all flows ever less often.
func TestNeverInSync(t *testing.T) {
	h := newHostile(t, 1000, 500)
	walks, full := 0, false
	for range 600 {
		h.greet(false)
		if h.pair.walk.full && !full {
			walks++
		}
		full = h.pair.walk.full
		h.pass(time.Second)
		full = full && h.pair.walk.full
	}
	if walks < 2 || walks > 8 {
		t.Errorf("all flows were told %d times in ten minutes", walks)
	}
	h.greet(true)
	h.pass(time.Second)
	h.greet(false)
	h.pass(Every)
	if h.pair.walks != 1 {
		t.Errorf("one that was in sync is told after %d walks", h.pair.walks)
	}
}

// What it wants is told, and no more than that in a pass.
func TestManyWants(t *testing.T) {
	h := newHostile(t, 2*resend, resend+50)
	h.greet(true)
	h.pass(Every)
	var hashes []uint64
	for _, key := range h.own {
		hashes = append(hashes, hashOf(&key, h.table.flows[key].told.ID))
	}
	before := h.pair.Status().Flows
	for len(hashes) > 0 {
		n := min(len(hashes), maxHashes)
		h.say(kindWant, appendHashes(nil, 0, hashes[:n]))
		hashes = hashes[n:]
	}
	h.pass(Every)
	if n := h.pair.Status().Flows - before; n > resend+resend/10 {
		t.Errorf("%d flows were told at once", n)
	}
	h.now = h.now.Add(time.Second)
	h.greet(true)
	h.pass(Every)
	if n := h.pair.Status().Flows - before; n < resend+50 {
		t.Errorf("only %d of %d flows were told", n, len(h.own))
	}
	if len(h.pair.open.wants) != 0 {
		t.Errorf("%d wants are left", len(h.pair.open.wants))
	}
}

// Times are those that a flow may have, whatever the message says of when it was sent.
func TestToldTimesAreBounded(t *testing.T) {
	h := newHostile(t, 100, 1)
	h.greet(true)
	r := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		told := randomFlow(r)
		told.Control, told.ID = told.Control&^0x3f|4, told.ID|1
		body := appendFlow([]byte{flowSize, 0}, &told)
		for range r.IntN(200) {
			body[2+r.IntN(flowSize)] = byte(r.Uint32())
		}
		h.sequence++
		m := head{kind: kindFlows, instance: h.instance, sequence: h.sequence, sent: r.Uint64()}.append(nil)
		if err := h.pair.Receive("gate-2", append(m, body...)); err != nil {
			t.Fatal(err)
		}
		for _, e := range h.table.flows {
			for _, d := range [...]time.Duration{e.told.Age, e.told.Halves[0].Idle, e.told.Halves[1].Idle} {
				if d < 0 || d > longest+longestWait {
					t.Fatalf("a duration of %d", d)
				}
			}
			if d := e.told.Timeout; d != 0 && (d < flow.MinTimeout || d > longestTimeout) {
				t.Fatalf("a timeout of %s", d)
			}
		}
		h.greet(true)
		h.pass(Every)
	}
	h.holds()
}

// FuzzMessages takes any sequence of messages of the partner, in time.
func FuzzMessages(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	r := rand.New(rand.NewPCG(9, 9))
	for range 20 {
		b := make([]byte, 400)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		h := newHostile(t, 64, 8)
		h.greet(true)
		take := func(n int) []byte {
			n = min(n, len(text))
			b := text[:n]
			text = text[n:]
			return b
		}
		for steps := 0; len(text) > 1 && steps < 200; steps++ {
			what := take(1)[0]
			switch what % 12 {
			case 0:
				h.greet(what&16 != 0)
			case 1: // flows, some of own keys
				var told flow.Told
				record := make([]byte, flowSize)
				copy(record, take(flowSize))
				parseFlow(record, &told)
				if what&16 != 0 {
					told.Key = h.own[int(what)%len(h.own)]
				}
				if what&32 != 0 {
					told.ID = h.table.flows[h.own[0]].told.ID
				}
				h.say(kindFlows, appendFlow([]byte{flowSize, 0}, &told))
			case 2:
				key := h.own[int(what>>4)%len(h.own)]
				e := end{key: key, id: h.table.flows[key].told.ID, reason: flow.Reason(what)}
				h.say(kindEnds, e.append([]byte{endSize, 0}))
			case 3:
				var d digest
				for i := range d {
					d[i] = uint64(what)
				}
				h.say(kindDigest, d.append(nil))
			case 4:
				h.say(kindAsk, appendShards(nil, []uint16{uint16(what), uint16(what) << 2}))
			case 5, 6:
				var hashes []uint64
				for b := take(64); len(b) >= 8; b = b[8:] {
					hashes = append(hashes, binary.LittleEndian.Uint64(b))
				}
				h.say(kindList+kind(what%2), appendHashes(nil, uint16(what)<<2, hashes))
			case 7:
				h.say(kindSynced, nil)
			case 8, 9: // anything
				h.say(kind(what>>4), take(int(what)))
			case 10:
				if err := h.pair.Receive("gate-2", take(int(what))); err != nil {
					t.Fatal(err)
				}
			case 11:
				h.pass(time.Duration(what) * 40 * time.Millisecond)
			}
			h.holds()
		}
		h.pass(time.Second)
		h.holds()
	})
}

// FuzzBodies parses the body of each kind of message, and finds what it parsed in what it
// writes.
func FuzzBodies(f *testing.F) {
	told := randomFlow(rand.New(rand.NewPCG(1, 2)))
	e := end{id: 7, reason: flow.ReasonClosed, key: flow.ToldKey{1, 2}}
	greeting := hello{time.Hour, 1, 2, 3, true, 4, 5, time.Second, "v1"}
	var d digest
	d[3] = 7
	f.Add(greeting.append(nil))
	f.Add(appendFlow([]byte{flowSize, 0}, &told))
	f.Add(e.append([]byte{endSize, 0}))
	f.Add(d.append(nil))
	f.Add(appendShards(nil, []uint16{1, 1023}))
	f.Add(appendHashes(nil, 9, []uint64{1, 2, 3}))
	f.Fuzz(func(t *testing.T, body []byte) {
		again := func(what string, a, b any, err error) {
			t.Helper()
			if err != nil || !reflect.DeepEqual(a, b) {
				t.Fatalf("%s: %+v came back as %+v, %v", what, a, b, err)
			}
		}
		if h, err := parseHello(body); err == nil {
			b, err := parseHello(h.append(nil))
			again("hello", h, b, err)
		}
		_ = records(body, flowSize, maxFlows, func(b []byte) {
			var one, two flow.Told
			parseFlow(b, &one)
			parseFlow(appendFlow(nil, &one), &two)
			again("flow", one, two, nil)
			if one.Age < 0 || one.Idle() < 0 || one.Timeout < 0 || one.Timeout > longestTimeout {
				t.Fatalf("%+v", one)
			}
		})
		_ = records(body, endSize, maxEnds, func(b []byte) {
			one := parseEnd(b)
			again("end", one, parseEnd(one.append(nil)), nil)
		})
		if d, err := parseDigest(body); err == nil {
			b, err := parseDigest(d.append(nil))
			again("digest", d, b, err)
		}
		if all, err := parseShards(body); err == nil {
			b, err := parseShards(appendShards(nil, all))
			again("shards", all, b, err)
		}
		if s, all, err := parseHashes(body); err == nil {
			s2, b, err := parseHashes(appendHashes(nil, s, all))
			again("hashes", all, b, err)
			again("shard", s, s2, nil)
		}
	})
}
