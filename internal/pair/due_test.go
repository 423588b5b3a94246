package pair

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// A list is taken once, if it was asked for, and of hashes no more than there is room for.
// What the partner wants is bounded.
func TestQuestions(t *testing.T) {
	q := newQuestions()
	q.takeList(1, []uint64{1}, 10)
	if len(q.lists) != 0 {
		t.Error("a list is taken that nobody asked for")
	}
	q.expected[1], q.expected[2], q.expected[3] = true, true, true
	q.takeList(1, []uint64{1, 2, 3}, 5)
	q.takeList(1, []uint64{4}, 5)
	q.takeList(2, []uint64{1, 2, 3}, 5)
	if len(q.lists) != 1 || len(q.lists[1]) != 3 || q.listed != 3 || !q.expected[2] {
		t.Errorf("it has %v", q.lists)
	}
	q.takeList(3, []uint64{1, 2}, 5)
	if len(q.lists) != 2 || q.listed != 5 || q.expected[3] || q.expected[1] {
		t.Errorf("it has %v", q.lists)
	}
	if q.want(slices.Values([]uint64{1, 2, 2, 3, 4}), 3); len(q.wants) != 3 || q.wants[4] {
		t.Errorf("the partner wants %v", q.wants)
	}
	q.asked[7] = true
	taken := q.take()
	if len(taken.lists) != 2 || len(taken.wants) != 3 || !taken.asked[7] || len(q.lists)+len(q.wants)+len(q.asked)+q.listed != 0 || !q.expected[2] {
		t.Errorf("it takes %+v and leaves %+v", taken, q)
	}
}

// A round over the table may follow one after ten times as long as that took.
func TestRested(t *testing.T) {
	at := time.Unix(1000, 0)
	for took, want := range map[time.Duration]time.Duration{0: time.Second, 100 * time.Millisecond: time.Second, 200 * time.Millisecond: 2 * time.Second} {
		if got := rested(at, at.Add(took), time.Second).Sub(at); got != want {
			t.Errorf("after %s it rests for %s", took, got)
		}
	}
}

// A flow counts for digests when it is settled, unless its end was missed.
func TestCounts(t *testing.T) {
	for i, c := range []struct {
		g    flow.Glance
		want bool
	}{{flow.Glance{Age: settled}, true}, {flow.Glance{Age: settled - 1}, false}, {flow.Glance{Age: time.Hour, Control: toldMissed}, false}} {
		if counts(&c.g) != c.want {
			t.Errorf("%d: it counts: %t", i, counts(&c.g))
		}
	}
}

// Shards that differ twice in a row are asked for, and those lists alone are expected.
func TestJudge(t *testing.T) {
	h := newHostile(t, 100, 0)
	p := h.pair
	asked := func() (all []uint16) {
		for _, m := range h.sent {
			if head, body, err := parseHead(m); err == nil && head.kind == kindAsk {
				all, _ = parseShards(body)
			}
		}
		h.sent = nil
		return all
	}
	for i, c := range []struct{ differ, want []uint16 }{
		{[]uint16{1, 2}, nil}, {[]uint16{2, 3}, []uint16{2}}, {[]uint16{2, 3}, []uint16{2, 3}}, {nil, nil}, {[]uint16{2}, nil},
	} {
		h.now = h.now.Add(time.Second)
		p.judge(c.differ)
		if got := asked(); !slices.Equal(got, c.want) || len(p.open.expected) != len(c.want) || p.status.Differing != len(c.differ) || !p.at.compared.Equal(h.now) {
			t.Errorf("%d: it asks for %d, and expects %d", i, got, len(p.open.expected))
		}
	}
	p.suspectAll()
	if len(p.suspect) != shards {
		t.Errorf("%d shards are suspect", len(p.suspect))
	}
	if p.judge([]uint16{0, shards - 1}); !slices.Equal(asked(), []uint16{0, shards - 1}) {
		t.Error("a digest does not count at once")
	}
}

// One of both sends digests, every five seconds while both are in sync. The other one does if
// it hears none for three times as long.
func TestDigestDue(t *testing.T) {
	for i, c := range []struct {
		instance               uint64
		synced, there, walking bool
		digest, compared       time.Duration
		want                   bool
	}{
		{1, true, true, false, digestEvery, 0, true},
		{1, true, true, false, digestEvery - 1, 0, false},
		{1, false, true, false, digestEvery, 0, false},
		{1, true, false, false, digestEvery, 0, false},
		{1, true, true, true, digestEvery, 0, false},
		{3, true, true, false, digestEvery, 0, false},
		{2, true, true, false, digestEvery, 0, false},
		{3, true, true, false, digestEvery, 3*digestEvery - 1, false},
		{3, true, true, false, digestEvery, 3 * digestEvery, true},
	} {
		h := newHostile(t, 100, 0)
		p := h.pair
		p.instance, p.partner.instance, p.synced, p.partner.hello.synced, p.walk.full = c.instance, 2, c.synced, c.there, c.walking
		p.at.digest, p.at.compared = h.now.Add(-c.digest), h.now.Add(-c.compared)
		if p.digestDue(h.now) != c.want {
			t.Errorf("%d: a digest is due: %t", i, p.digestDue(h.now))
		}
	}
}

// A message waited as much longer as the fastest one of the last minute or two. It is not
// believed to have waited for more than an hour.
func TestWaited(t *testing.T) {
	h := newHostile(t, 100, 0)
	p := h.pair
	p.partner.least, p.partner.next, p.partner.since = math.MaxInt64, math.MaxInt64, h.now
	start := h.now
	for i, c := range []struct {
		at, took, want time.Duration
	}{
		{0, 50, 0},
		{time.Second, 70, 20},
		{2 * time.Second, 30, 0},
		{3 * time.Second, 2 * time.Hour, longestWait},
		{driftFor, 90, 60},
		{driftFor + 1, 100, 70},       // the least of this minute is that of before
		{driftFor + 2, 110, 80},       //
		{2*driftFor + 2, 130, 30},     // now it is that of the minute before
		{2*driftFor + 3, 90, 0},       //
		{2*driftFor + 4, -1000000, 0}, // the clocks are set
	} {
		h.now = start.Add(c.at)
		if got := p.waited(head{sent: uint64(c.at - c.took)}, h.now); got != c.want {
			t.Errorf("%d: it waited for %d, want %d", i, got, c.want)
		}
	}
}

// A table has room for flows of the partner but for a sixteenth of it.
func TestRoom(t *testing.T) {
	for i, c := range []struct {
		present, entered int
		want             bool
	}{{0, 0, true}, {140, 9, true}, {150, 0, false}, {149, 1, false}, {149, 0, true}, {0, 200, false}} {
		p := Pair{Options: Options{Capacity: 160}, present: c.present, entered: c.entered}
		if p.room() != c.want {
			t.Errorf("%d: there is room: %t", i, p.room())
		}
	}
}

// A flow has ended lately for five seconds at least.
func TestOver(t *testing.T) {
	h := newHostile(t, 100, 0)
	p := h.pair
	at := func(d time.Duration, ids ...flow.ID) {
		var ends []end
		for _, id := range ids {
			ends = append(ends, end{id: id})
		}
		p.end(ends, h.now.Add(d))
	}
	at(0, 1)
	at(overFor-1, 2)
	if len(p.over.before) != 0 || !p.isOver(1) || !p.isOver(2) || p.isOver(3) {
		t.Errorf("%+v", p.over)
	}
	at(overFor, 3)
	if !p.isOver(1) || !p.isOver(2) || !p.isOver(3) || len(p.over.now) != 1 {
		t.Errorf("%+v", p.over)
	}
	at(2*overFor - 1)
	if !p.isOver(1) {
		t.Error("it forgot after less than five seconds")
	}
	at(2 * overFor)
	if p.isOver(1) || p.isOver(2) || !p.isOver(3) {
		t.Errorf("%+v", p.over)
	}
	p.over.taken = p.over.before[3]
	if !p.isOver(3) {
		t.Error("it forgot before the partner had heard it")
	}
	if p.over.taken++; p.isOver(3) {
		t.Errorf("the partner has heard it: %+v", p.over)
	}
}

// A flood, each of whose flows ends at once, takes bounded memory.
func TestOverIsBounded(t *testing.T) {
	h := newHostile(t, 100, 0)
	p := h.pair
	id := flow.ID(0)
	for range 2 {
		for range 5 {
			ends := make([]end, queued/4)
			for i := range ends {
				id++
				ends[i].id = id
			}
			p.end(ends, h.now)
		}
		if n := len(p.over.now); n != queued {
			t.Errorf("%d flows are remembered", n)
		}
		h.now = h.now.Add(overFor)
	}
	if n := len(p.over.before); n != queued || !p.isOver(1) {
		t.Errorf("%d flows are remembered of before", n)
	}
}

// So many changes wait, and no more. What has ended is no change any more.
func TestQueueOfChanges(t *testing.T) {
	p := New(Options{})
	if p.instance == 0 || p.Now == nil || p.Log == nil || time.Since(p.start) > time.Hour {
		t.Errorf("%+v", p)
	}
	var key flow.ToldKey
	for i := range queued - 1 {
		binary.LittleEndian.PutUint64(key[:], uint64(i))
		p.changed[key] = struct{}{}
	}
	p.Changed(flow.ToldKey{47: 1})
	if p.Changed(flow.ToldKey{47: 2}); len(p.changed) != queued {
		t.Errorf("%d changes wait", len(p.changed))
	}
	p.ends = make([]end, queued-1)
	p.Ended(flow.ToldKey{0}, 1, flow.ReasonClosed)
	p.Ended(flow.ToldKey{1}, 2, flow.ReasonClosed)
	if len(p.ends) != queued || len(p.changed) != queued-2 {
		t.Errorf("%d ends and %d changes wait", len(p.ends), len(p.changed))
	}
	changed, ends := p.taken(p.Now())
	if len(changed) != queued-2 || len(ends) != queued || len(p.changed) != 0 || p.ends != nil {
		t.Errorf("%d changes and %d ends are taken", len(changed), len(ends))
	}
	if changed, ends = p.taken(p.Now()); len(changed) != 0 || len(ends) != 0 {
		t.Error("they are taken again")
	}
}
