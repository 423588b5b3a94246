package ipfix

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"ctop/internal/ipfix/ipfixtest"
)

// conn is a connection to a collector in this process. refuses says which writes fail, by
// their number from 1 on.
type conn struct {
	net.Conn
	refuses   func(n int) bool
	at        []time.Duration
	began     time.Time
	deadlines []time.Duration
	messages  [][]byte
}

func newConn() *conn { return &conn{refuses: func(int) bool { return false }, began: time.Now()} }

var errRefused = errors.New("refused")

func (c *conn) Write(b []byte) (int, error) {
	if c.at = append(c.at, time.Since(c.began)); c.refuses(len(c.at)) {
		return 0, errRefused
	}
	c.messages = append(c.messages, slices.Clone(b))
	return len(b), nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.deadlines = append(c.deadlines, time.Until(t))
	return nil
}

// sending returns the sender to a collector that has a connection.
func sending(t *testing.T, to string) (*sender, *conn) {
	t.Helper()
	c := newConn()
	s := exporter(t, &table{}, false, to).senders[0]
	s.conn, s.broken = c, make(chan struct{})
	s.message.reset()
	return s, c
}

const (
	overUDP = "udp://192.0.2.1:4739"
	overTCP = "tcp://192.0.2.1:4739"
)

// A collector may take nothing for ten seconds, over TCP as over UDP.
func TestWritesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := sending(t, overTCP)
		if err := s.introduce(true); err != nil || len(c.deadlines) == 0 {
			t.Fatal(err)
		}
		for _, d := range c.deadlines {
			if d != 10*time.Second {
				t.Errorf("a write may take %s", d)
			}
		}
	})
}

// A message says when it was sent, and of which domain it is.
func TestHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := sending(t, overUDP)
		s.flows.sequence = 77
		s.message.add(templateFlows, []byte{1, 2, 3})
		if err := s.send(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := binary.BigEndian.AppendUint16(nil, 10)
		want = binary.BigEndian.AppendUint16(want, 23)
		want = binary.BigEndian.AppendUint32(want, uint32(time.Now().Unix()))
		want = binary.BigEndian.AppendUint32(want, 77)
		want = binary.BigEndian.AppendUint32(want, 9)
		want = binary.BigEndian.AppendUint16(want, templateFlows)
		want = append(want, 0, 7, 1, 2, 3)
		if !bytes.Equal(c.messages[0], want) {
			t.Errorf("a message is\n%v, want\n%v", c.messages[0], want)
		}
		if s.flows.sequence != 78 || s.counts.sent.Load() != 1 || s.counts.messages.Load() != 1 || s.counts.bytes.Load() != 23 || !s.message.empty() {
			t.Errorf("%+v", &s.counts)
		}
	})
}

// Over UDP, sixteen messages are sent at once, and then none for a millisecond. Over TCP none
// waits.
func TestBursts(t *testing.T) {
	for to, want := range map[string]time.Duration{overUDP: 2 * time.Millisecond, overTCP: 0} {
		synctest.Test(t, func(t *testing.T) {
			s, c := sending(t, to)
			for range 33 {
				if err := s.write(&s.message, &s.flows); err != nil {
					t.Fatal(err)
				}
			}
			if c.at[15] != 0 || c.at[16] != want/2 || c.at[31] != want/2 || c.at[32] != want {
				t.Errorf("%s: messages are sent at %v", to, c.at)
			}
		})
	}
}

// While a collector over UDP refuses datagrams, it is tried less and less often, and gets what
// waited once it has taken templates twice.
func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := sending(t, overUDP)
		c.refuses = func(n int) bool { return n < 10 || n == 11 }
		s.message.add(templateFlows, []byte{1})
		if err := s.send(t.Context()); err != nil {
			t.Fatal(err)
		}
		const ms = time.Millisecond
		want := []time.Duration{0, 100 * ms, 300 * ms, 700 * ms, 1500 * ms, 3100 * ms, 6300 * ms, 12700 * ms, 22700 * ms, 32700 * ms, 32800 * ms, 42800 * ms, 42900 * ms}
		if len(c.at) < len(want)+2 || !slices.Equal(c.at[:len(want)], want) {
			t.Errorf("it is tried at %v, want %v", c.at, want)
		}
		if last := c.at[len(c.at)-1]; last != want[len(want)-1] || s.down != nil || !s.counts.up.Load() {
			t.Errorf("the message is sent at %s, and the collector is down: %v", last, s.down)
		}
		var d ipfixtest.Decoder
		templates := 0
		for _, b := range c.messages[:len(c.messages)-1] { // the last one is the record
			m, err := d.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			templates += m.Templates
		}
		if templates < 3*len(s.templates) {
			t.Errorf("it gets %d templates of %d", templates, len(s.templates))
		}
	})
}

// At the end nobody waits for a collector that is gone, in whichever pause.
func TestAwaitEnds(t *testing.T) {
	for _, after := range []time.Duration{50 * time.Millisecond, 150 * time.Millisecond, 350 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			s, c := sending(t, overUDP)
			c.refuses = func(n int) bool { return n != 3 } // the second attempt succeeds, and is checked
			s.message.add(templateFlows, []byte{1})
			ctx, stop := context.WithTimeout(t.Context(), after)
			defer stop()
			if err := s.send(ctx); err == nil || time.Since(c.began) != after || s.down == nil || s.counts.up.Load() {
				t.Errorf("after %s: %v, down: %v", after, err, s.down)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // no more records come
		s, c := sending(t, overUDP)
		c.refuses = func(int) bool { return true }
		s.message.add(templateFlows, []byte{1})
		closing := make(chan struct{})
		s.closing = closing
		time.AfterFunc(time.Second, func() { close(closing) })
		if err := s.send(t.Context()); err == nil || time.Since(c.began) != time.Second {
			t.Errorf("at the end: %v after %s", err, time.Since(c.began))
		}
	})
	s, c := sending(t, overTCP)
	c.refuses = func(int) bool { return true }
	if err := s.send(t.Context()); !errors.Is(err, errRefused) || len(c.at) != 1 {
		t.Errorf("over TCP: %v", err)
	}
}

// Few records wait for others for a fifth of a second, many do not, nor does the end.
func TestCollect(t *testing.T) {
	for i, c := range []struct {
		to      string
		records int
		end     func(s *sender, stop func())
		want    time.Duration
	}{
		{overUDP, maxDatagram/200 - 1, nil, 200 * time.Millisecond},
		{overUDP, maxDatagram / 200, nil, 0},
		{overTCP, maxDatagram / 200, nil, 200 * time.Millisecond},
		{overTCP, maxStreamed / 200, nil, 0},
		{overUDP, 1, func(s *sender, _ func()) { close(s.broken) }, 0},
		{overUDP, 1, func(_ *sender, stop func()) { stop() }, 0},
		{overUDP, 1, func(s *sender, _ func()) {
			closing := make(chan struct{})
			close(closing)
			s.closing = closing
		}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := sending(t, c.to)
			for range c.records {
				s.queue.push(queued{})
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			if c.end != nil {
				c.end(s, stop)
			}
			began := time.Now()
			if s.collect(ctx); time.Since(began) != c.want {
				t.Errorf("%d: it waits for %s", i, time.Since(began))
			}
		})
	}
}

// A session over UDP repeats the templates every minute, as long as there is nothing else.
func TestRepeatedTemplates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := sending(t, overUDP)
		ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute+time.Second)
		defer stop()
		if err := s.session(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		each := len(c.at) / 4
		for i := range 4 {
			if at := c.at[i*each].Round(time.Second); at != time.Duration(i)*time.Minute {
				t.Errorf("templates are sent at %s", at)
			}
		}
	})
}

// The longest message fits into any IPv6 packet, of 1280 bytes, with its headers. Over TCP it
// is longer, but no longer than its two bytes of length can say.
func TestLongestMessages(t *testing.T) {
	s, _ := sending(t, overUDP)
	if got := s.limit(); got+40+8 != 1280 {
		t.Errorf("over UDP up to %d bytes", got)
	}
	s.to.Network = "tcp"
	if got := s.limit(); got < 8<<10 || got > 1<<16-1 {
		t.Errorf("over TCP up to %d bytes", got)
	}
}

// A collector that is not reached is tried less and less often.
func TestPauses(t *testing.T) {
	pause := time.Duration(0)
	for i, want := range []time.Duration{firstPause, 2 * firstPause, 4 * firstPause} {
		if pause = longer(pause); pause != want {
			t.Errorf("pause %d is %s, want %s", i, pause, want)
		}
	}
	if got := longer(longestPause - 1); got != longestPause {
		t.Errorf("the longest pause is %s", got)
	}
}

// A collector counts as up until it fails.
func TestUpAtFirst(t *testing.T) {
	s, _ := sending(t, overUDP)
	s.counts.up.Store(false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s.run(ctx); !s.counts.up.Load() {
		t.Error("it is down")
	}
}

// What was not sent at the end is counted with what it had.
func TestGiveUp(t *testing.T) {
	s, _ := sending(t, overUDP)
	for range 3 {
		s.queue.push(queued{template: templateFlows, data: []byte{1}, volume: volume{packets: 2, octets: 5}})
	}
	s.take()
	s.queue.push(queued{volume: volume{packets: 10, octets: 20}})
	s.giveUp()
	if c := &s.counts; c.dropped.Load() != 4 || c.droppedPackets.Load() != 16 || c.droppedOctets.Load() != 35 || s.queue.waiting() != 0 {
		t.Errorf("%d records of %d packets and %d octets, %d wait", c.dropped.Load(), c.droppedPackets.Load(), c.droppedOctets.Load(), s.queue.waiting())
	}
}

// A record fits into a message up to its last byte, with the header of a set if it begins one.
func TestFits(t *testing.T) {
	var m message
	if m.reset(); !m.empty() {
		t.Error("a message without records is not empty")
	}
	m.add(300, make([]byte, 10))
	for i, c := range []struct {
		set    uint16
		length int
		want   bool
	}{{300, 70, true}, {300, 71, false}, {301, 66, true}, {301, 67, false}} {
		if got := m.fits(c.set, c.length, 100); got != c.want {
			t.Errorf("%d: it fits: %t", i, got)
		}
	}
	if m.empty() || m.records != 1 || len(m.b) != 30 {
		t.Errorf("%+v", m)
	}
	if m.add(setTemplates, []byte{1}); m.records != 1 {
		t.Error("a template is a record of data")
	}
	if m.add(templateFlows, []byte{1}); m.records != 2 {
		t.Error("a record of a flow is none")
	}
}

// A record lost after a queue is full is missing before the next one.
func TestFullQueue(t *testing.T) {
	q := newQueue()
	q.limit = 2
	for range 2 {
		if !q.hasRoom() {
			t.Fatal("there is no room")
		}
		q.push(queued{})
	}
	for range 2 {
		if q.hasRoom() {
			t.Error("a full queue has room")
		}
	}
	q.pop()
	if !q.hasRoom() {
		t.Error("there is no room after one went")
	}
	q.push(queued{template: 5})
	q.pop()
	if r, _ := q.peek(); r.template != 5 || r.missing != 2 {
		t.Errorf("%+v", r)
	}
}

// Volumes are added and subtracted in each of their parts.
func TestVolumes(t *testing.T) {
	a, b := volume{10, 20, 30}, volume{1, 2, 3}
	if a.plus(b) != (volume{11, 22, 33}) || a.minus(b) != (volume{9, 18, 27}) {
		t.Errorf("%+v, %+v", a.plus(b), a.minus(b))
	}
}

// Whoever names no time gets the standard one.
func TestStandardActive(t *testing.T) {
	for in, want := range map[time.Duration]time.Duration{-1: DefaultActive, 0: DefaultActive, 1: 1} {
		if got := New(Options{Active: in}).o.Active; got != want {
			t.Errorf("%s becomes %s", in, got)
		}
	}
}
