package pair

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// slow is a table each of whose places takes time to read.
type slow struct {
	*table
	h    *hostile
	took time.Duration
}

func (s *slow) Part(from, n int, within time.Duration, visit func(*flow.Told)) (bool, error) {
	if s.h.pair.walk.full {
		took := 30 * time.Millisecond
		s.h.now = s.h.now.Add(took)
		s.took += took
	}
	return s.table.Part(from, n, within, visit)
}

// One that is in sync and out of it, or another instance each time, has all flows told a
// tenth of the time at most, but for the first few times.
func TestAgainAndAgain(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		t.Run(fmt.Sprintf("restarts %t", restarts), func(t *testing.T) {
			h := newHostile(t, 1000, 20)
			s := &slow{table: h.table, h: h}
			h.pair.Table = s
			began := h.now
			for h.now.Sub(began) < 5*time.Minute {
				h.greet(true)
				if restarts {
					h.instance++
					h.sequence = 0
				}
				h.greet(false)
				h.pass(100 * time.Millisecond)
			}
			if share := s.took.Seconds() / h.now.Sub(began).Seconds(); share > 1.0/restTimes || s.took == 0 {
				t.Errorf("all flows were told for %s, %.0f%% of the time", s.took, 100*share)
			}
		})
	}
}

// A partner that comes back is told all flows at once.
func TestBackAgain(t *testing.T) {
	h := newHostile(t, 1000, 500)
	h.pair.Table = &slow{table: h.table, h: h}
	for range 5 {
		h.instance++
		h.sequence = 0
		before := h.pair.Status().Flows
		h.greet(false)
		h.pass(100 * time.Millisecond)
		if n := h.pair.Status().Flows - before; n < 500 {
			t.Errorf("%d flows were told", n)
		}
		for range 20 {
			h.greet(true)
			h.pass(time.Second)
		}
	}
}

// However often the partner begins again, the log says so every few seconds only.
func TestManyInstancesLogged(t *testing.T) {
	h := newHostile(t, 100, 1)
	var log bytes.Buffer
	h.pair.Log = slog.New(slog.NewTextHandler(&log, nil))
	for range 100 {
		for range 10 {
			h.instance++
			h.greet(false)
		}
		h.pass(100 * time.Millisecond)
	}
	if n := bytes.Count(log.Bytes(), []byte("\n")); n < 1 || n > 4 {
		t.Errorf("%d lines in ten seconds", n)
	}
}

// However often a message can be read and then cannot, the log says so once a minute.
func TestVersionsInTurnLogged(t *testing.T) {
	h := newHostile(t, 100, 1)
	var log bytes.Buffer
	h.pair.Log = slog.New(slog.NewTextHandler(&log, nil))
	for range 700 {
		h.greet(false)
		if err := h.pair.Receive("gate-2", []byte{form + 1}); err != nil {
			t.Fatal(err)
		}
		h.pass(100 * time.Millisecond)
	}
	if n := bytes.Count(log.Bytes(), []byte("cannot read")); n != 2 {
		t.Errorf("%d lines in 70 seconds", n)
	}
}

// What is on its way takes bounded memory, though the partner never says what arrived.
func TestNothingArrives(t *testing.T) {
	h := newHostile(t, 1000, 500)
	h.greet(false)
	h.pair.walk.full = true
	for i := range 2 * maxSent {
		h.pair.tell(&flow.Told{Glance: flow.Glance{ID: flow.ID(i)}})
		h.pair.flush()
	}
	if n := len(h.pair.sent); n > maxSent {
		t.Errorf("%d messages are remembered", n)
	}
	h.greet(false)
	if h.pair.arrived == 0 {
		t.Error("nothing has arrived")
	}
}

// asked is a table each of whose flows takes time to read, but for a glance.
type asked struct {
	*table
	h    *hostile
	took time.Duration
}

func (a *asked) Flow(key *flow.ToldKey, told *flow.Told) (bool, error) {
	a.h.now = a.h.now.Add(time.Millisecond)
	a.took += time.Millisecond
	return a.table.Flow(key, told)
}

// One that wants the same flows again and again is told them a tenth of the time at most.
func TestWantsAgainAndAgain(t *testing.T) {
	h := newHostile(t, 1000, 300)
	h.greet(true)
	h.pass(Every)
	a := &asked{table: h.table, h: h}
	h.pair.Table = a
	var hashes []uint64
	for _, key := range h.own {
		hashes = append(hashes, hashOf(&key, h.table.flows[key].told.ID))
	}
	began := h.now
	for h.now.Sub(began) < time.Minute {
		h.greet(true)
		h.say(kindWant, appendHashes(nil, 0, hashes))
		h.pass(100 * time.Millisecond)
	}
	if share := a.took.Seconds() / h.now.Sub(began).Seconds(); share > 1.2/restTimes || a.took == 0 {
		t.Errorf("flows were told for %s, %.0f%% of the time", a.took, 100*share)
	}
}

// Another instance of the partner costs no more than another message.
func TestManyInstancesAreCheap(t *testing.T) {
	h := newHostile(t, 100, 1)
	again := func(each int) time.Duration {
		began := time.Now()
		for range 2000 {
			h.instance += uint64(each)
			h.greet(false)
		}
		return time.Since(began)
	}
	same, other := again(0), again(1)
	for range 3 { // on a busy machine
		same, other = max(same, again(0)), min(other, again(1))
	}
	if other > 20*same {
		t.Errorf("%s for greetings of other instances, %s of the same", other, same)
	}
}
