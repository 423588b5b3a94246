package pair

import (
	"testing"
	"time"

	"ctop/tracker/flow"
)

// inSync returns a half that is in sync with its partner and begins a round over its table.
func inSync(t *testing.T, capacity, own int) *hostile {
	h := newHostile(t, capacity, own)
	h.greet(true)
	h.say(kindSynced, nil)
	h.tick()
	h.pair.walk = walk{began: h.now, before: h.now.Add(-lap)}
	return h
}

func (h *hostile) tick() {
	h.Helper()
	if err := h.pair.Tick(); err != nil {
		h.Fatal(err)
	}
}

// However often a half tells what happens, live flows are spread over a lap.
func TestPaceOfRounds(t *testing.T) {
	const n = 900
	h := inSync(t, n, n)
	before := h.pair.status.Flows
	for at := time.Duration(0); at < lap; at += Every / 4 {
		h.tick()
		if told := h.pair.status.Flows - before; told > uint64(n*(at+Every)/lap) {
			t.Fatalf("after %s %d flows are told", at, told)
		}
		h.now = h.now.Add(Every / 4)
	}
	if told := h.pair.status.Flows - before; told != n {
		t.Errorf("%d flows are told in a round", told)
	}
}

// late is a table that takes a second to read a flow.
type late struct{ counted }

func (l late) Flow(key *flow.ToldKey, told *flow.Told) (bool, error) {
	l.h.now = l.h.now.Add(time.Second)
	return l.counted.Flow(key, told)
}

// A flow that had its last packet just after it was told is told again, also where what
// happened to others takes long to tell.
func TestLastPacketsAreTold(t *testing.T) {
	h := inSync(t, 1000, 2)
	h.pair.Table = late{h.pair.Table.(counted)}
	h.now = h.now.Add(Every)
	h.tick()
	heard := h.now.Add(Every)
	for _, key := range h.own {
		h.table.flows[key].heard = heard
	}
	h.now = h.now.Add(lap)
	h.greet(true)
	h.tick()
	before := h.pair.status.Flows
	h.pair.Changed(flow.ToldKey{99})
	h.tick()
	if told := h.pair.status.Flows - before; told != 2 {
		t.Errorf("%d flows are told again", told)
	}
}
