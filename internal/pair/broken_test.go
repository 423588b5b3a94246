package pair

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// broken is a table in which one thing fails.
type broken struct {
	*table
	what string
}

var errBroken = errors.New("broken")

func (b broken) fails(what string) error {
	if b.what == what {
		return errBroken
	}
	return nil
}

func (b broken) Flow(key *flow.ToldKey, told *flow.Told) (bool, error) {
	found, _ := b.table.Flow(key, told)
	return found, b.fails("flow")
}

func (b broken) Enter(*flow.Told) (flow.Inherited, error) {
	return flow.InheritedRefused, b.fails("enter")
}

func (b broken) End(*flow.ToldKey, flow.ID, flow.Reason) (flow.Inherited, error) {
	return flow.InheritedNone, b.fails("end")
}

func (b broken) Own(*flow.ToldKey, flow.ID) (flow.Inherited, error) {
	return flow.InheritedNone, b.fails("own")
}

func (b broken) Part(from, n int, within time.Duration, visit func(*flow.Told)) (bool, error) {
	more, _ := b.table.Part(from, n, within, visit)
	return more, b.fails("part")
}

func (b broken) Glance(from, n int, visit func(*flow.Glance)) (bool, error) {
	more, _ := b.table.Glance(from, n, visit)
	return more, b.fails("glance")
}

func (b broken) Present() (int, error) { return 1000, b.fails("present") }
func (b broken) Pair(bool, bool) error { return b.fails("pair") }

// Every error of the table is reported.
func TestErrorsOfTheTable(t *testing.T) {
	told := flow.Told{Glance: flow.Glance{Key: flow.ToldKey{9}, ID: 3, Control: uint32(flow.StateEstablished)}}
	flows := append(binary.LittleEndian.AppendUint16(nil, flowSize), appendFlow(nil, &told)...)
	e := end{id: 3}
	ends := append(binary.LittleEndian.AppendUint16(nil, endSize), e.append(e.append(nil))...)
	for i, c := range []struct {
		what string
		do   func(p *Pair) error
	}{
		{"enter", func(p *Pair) error { return p.take(head{kind: kindFlows}, flows, p.Now()) }},
		{"end", func(p *Pair) error { return p.take(head{kind: kindEnds}, ends, p.Now()) }},
		{"present", func(p *Pair) error { p.present = 1000; return p.take(head{kind: kindFlows}, flows, p.Now()) }},
		{"flow", func(p *Pair) error { p.present = 1000; return p.take(head{kind: kindFlows}, flows, p.Now()) }},
		{"present", (*Pair).Tick},
		{"pair", (*Pair).Tick},
		{"part", (*Pair).Tick},
		{"flow", func(p *Pair) error { p.Changed(flow.ToldKey{1}); return p.Tick() }},
		{"glance", func(p *Pair) error { p.open.wants[1] = true; return p.Compare() }},
		{"glance", func(p *Pair) error { p.digest = &digest{}; return p.Compare() }},
		{"glance", func(p *Pair) error { p.at.digest = time.Time{}; p.instance = 1; return p.Compare() }},
		{"end", func(p *Pair) error { return p.mend(&found{left: []flow.Glance{{}}}) }},
		{"own", func(p *Pair) error { return p.mend(&found{left: []flow.Glance{{Age: longest}}}) }},
		{"flow", func(p *Pair) error { return p.mend(&found{tell: []flow.ToldKey{{1}}}) }},
	} {
		for _, what := range []string{c.what, ""} {
			h := newHostile(t, 100, 1)
			h.pair.Table = broken{h.table, what}
			p := h.pair
			p.partner = partner{name: "b", instance: 77, heard: h.now, least: math.MaxInt64, next: math.MaxInt64, since: h.now, hello: hello{synced: true}, began: h.now}
			p.synced, p.at.digest = true, h.now
			if what == "" && c.what != "present" {
				p.Table = broken{h.table, "nothing"}
			}
			err := c.do(p)
			if want := what != ""; errors.Is(err, errBroken) != want || err != nil && !want {
				t.Errorf("%d: %s fails: %t, and it says %v", i, c.what, want, err)
			}
		}
	}
}

// A message counts if it is of the partner: what it says of the messages before, when it was
// heard, and what cannot be read.
func TestReceiveCounts(t *testing.T) {
	h := newHostile(t, 100, 0)
	h.greet(true)
	p := h.pair
	for i, c := range []struct {
		sequence       uint32
		received, lost uint64
	}{
		{2, 2, 0}, {3, 3, 0}, {5, 4, 1}, {4, 5, 1}, {5, 6, 1}, {9, 7, 4}, {9 + 1<<31, 8, 4 + 1<<31 - 1}, {10, 9, 4 + 1<<31 - 1},
	} {
		h.now = h.now.Add(time.Millisecond)
		h.sequence = c.sequence - 1
		if h.say(kindSynced, nil); p.status.Received != c.received || p.status.Lost != c.lost || !p.partner.heard.Equal(h.now) || p.partner.latest != uint64(h.now.UnixNano()) {
			t.Errorf("%d: %d received, %d lost", i, p.status.Received, p.status.Lost)
		}
	}
	before := p.status
	for i, m := range [][]byte{
		head{kind: kindSynced, instance: 77}.append(nil), head{kind: kindHello}.append(nil), head{kind: kindHello, instance: p.instance}.append(nil),
	} {
		if err := p.Receive([]string{"c", "gate-2", "gate-2"}[i], m); err != nil || p.status != before {
			t.Errorf("%d: a message of another one counts: %+v, %v", i, p.status, err)
		}
	}
	for i, m := range [][]byte{{form + 1}, {}, head{kind: kindDigest, instance: 77}.append(nil)} {
		h.Helper()
		if err := p.Receive("gate-2", m); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if p.status.OtherForm != before.OtherForm+1 || p.status.Damaged != before.Damaged+2 {
		t.Errorf("the status is %+v", p.status)
	}
}
