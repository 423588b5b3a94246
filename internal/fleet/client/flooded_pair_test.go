package client_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"ctop/internal/fleet/standby"
	"ctop/internal/pair"
	"ctop/tracker/flow"
)

// full is a table that has every flow.
type full struct{ bare }

func (full) Flow(key *flow.ToldKey, told *flow.Told) (bool, error) {
	*told = flow.Told{Glance: flow.Glance{Key: *key, ID: 1, Control: uint32(flow.StateEstablished)}}
	return true, nil
}

// stuck is a table in which nothing is entered until it is let go.
type stuck struct {
	bare
	entering chan struct{}
	once     sync.Once
	let      context.Context
}

func (s *stuck) Enter(*flow.Told) (flow.Inherited, error) {
	s.once.Do(func() { close(s.entering) })
	<-s.let.Done()
	return flow.InheritedDone, nil
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// heap returns how much of this process's memory is in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// floods returns what a half says first, and a message of as many flows as there may be.
func floods(t *testing.T) (hello, flows []byte) {
	t.Helper()
	var last []byte
	teller := pair.New(pair.Options{
		Table: full{}, Capacity: 1 << 16, Version: "test", Uptime: func() time.Duration { return time.Second },
		Send: func(m []byte) error { last = bytes.Clone(m); return nil },
	})
	tick := func() []byte {
		if err := teller.Tick(); err != nil {
			t.Fatal(err)
		}
		return last
	}
	hello = tick()
	if err := teller.Receive("gate-2", greeting(t)); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(300) {
		var key flow.ToldKey
		binary.LittleEndian.PutUint64(key[:], n)
		teller.Changed(key)
	}
	return hello, tick()
}

// What a partner tells faster than it is entered takes bounded memory.
func TestFloodedHalf(t *testing.T) {
	const most = 64 << 20 // the hub is of this process, too
	w := newWorld(t)
	one, two := w.paired("gate-1"), w.paired("gate-2")
	hello, flows := floods(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	table := &stuck{entering: make(chan struct{}), let: ctx}
	log := &lines{}
	half := standby.New(w.half(two, table, 1<<20, slog.New(slog.NewTextHandler(log, nil))))
	done := make(chan error, 1)
	go func() { done <- half.Run(ctx) }()
	partner := w.raw(one)
	say := func(m []byte) {
		if err := partner.Publish(one.Space().Pair("gate", "gate-1"), m); err != nil || partner.FlushTimeout(waitTimeout) != nil {
			t.Fatal(err)
		}
	}
	w.eventually("a flow is entered", func() bool {
		say(hello)
		say(flows)
		select {
		case <-table.entering:
			return true
		default:
			return false
		}
	})
	before := heap()
	dropped := func() bool { return strings.Contains(log.String(), "slow consumer") }
	for sent := 0; sent < 1<<12 && !dropped(); sent++ { // a quarter of a gigabyte
		say(flows)
	}
	w.eventually("what is told is dropped", func() bool {
		say(flows)
		return dropped()
	})
	w.eventually("what waits is bounded", func() bool { return heap() < before+most })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
