package ipfix

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"
)

const (
	// refresh is how often templates are sent again over UDP, and what was not sent is
	// reported.
	refresh = time.Minute
	// gather is how long a message may wait for more records.
	gather = 200 * time.Millisecond
	// writeTime is how long a collector may take nothing over TCP.
	writeTime = 10 * time.Second
	dialTime  = 10 * time.Second
	// firstPause and longestPause are the times between attempts to reach a collector.
	firstPause   = 100 * time.Millisecond
	longestPause = 10 * time.Second
	// Over UDP, burst messages are sent at once, and then none for burstPause: the
	// collector's socket holds about that many.
	burst      = 16
	burstPause = time.Millisecond
)

// sender sends records to one collector.
type sender struct {
	to Address
	// flows are the records of flows, options those about the exporter: these are in
	// domain 0, so that a gap in the numbers of the flows is the number of missing flows.
	flows, options stream
	templates      []template
	queue          *queue
	counts         counts
	log            *slog.Logger
	// closing is closed when no more records come: then what waits is sent.
	closing <-chan struct{}

	conn net.Conn
	// broken is closed when a stream has ended.
	broken chan struct{}
	// message waits to be sent. Its first record comes after missing others.
	message message
	missing uint32
	volume  volume
	// refresh is how often templates are sent again, writeTime how long the collector may take
	// nothing.
	refresh, writeTime time.Duration
	// fresh is set until the first flow record of a session is sent.
	fresh bool
	// down is why the collector takes nothing, and since is what was dropped before.
	down  error
	since uint64
	// pause is the time between the last attempts to reach it.
	pause time.Duration
	sends int
}

// run sends until ctx is done, or until everything is sent once closing is closed.
func (s *sender) run(ctx context.Context) {
	defer s.giveUp()
	s.message.reset()
	s.counts.up.Store(true)
	for ctx.Err() == nil {
		err := s.dial(ctx)
		if err == nil {
			// A write to a collector that takes nothing ends with ctx, too.
			release := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
			began := time.Now()
			err = s.session(ctx)
			if time.Since(began) > longestPause {
				s.pause = 0 // it does more than accept and close
			}
			release()
			_ = s.conn.Close()
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		s.fail(err)
		s.pause = longer(s.pause)
		if !s.rest(ctx, s.pause) {
			return
		}
	}
}

// longer returns the pause after one of some length.
func longer(pause time.Duration) time.Duration { return min(max(2*pause, firstPause), longestPause) }

// giveUp counts what was not sent at the end.
func (s *sender) giveUp() {
	s.counts.drop(uint64(s.message.records), s.volume)
	for r, ok := s.queue.peek(); ok; r, ok = s.queue.peek() {
		s.counts.drop(1, r.volume)
		s.queue.pop()
	}
}

// dial opens a session.
func (s *sender) dial(ctx context.Context) (err error) {
	dialer := net.Dialer{Timeout: dialTime}
	if s.conn, err = dialer.DialContext(ctx, s.to.Network, s.to.Host); err != nil {
		return err
	}
	s.broken = make(chan struct{})
	if s.to.Network == "udp" {
		return nil
	}
	// Each connection is a stream with numbers of its own (RFC 7011 3.1). A collector
	// says nothing, but it may end the stream.
	s.flows.sequence, s.options.sequence, s.fresh = 0, 0, true
	go func(conn net.Conn, broken chan struct{}) {
		_, _ = io.Copy(io.Discard, conn)
		close(broken)
	}(s.conn, s.broken)
	return nil
}

// limit is the length of the longest message.
func (s *sender) limit() int {
	if s.to.Network == "udp" {
		return maxDatagram
	}
	return maxStreamed
}

var errClosed = errors.New("the collector closed the connection")

// session sends until it fails or everything is sent.
func (s *sender) session(ctx context.Context) error {
	if err := s.introduce(true); err != nil {
		return err
	}
	s.succeed()
	due := time.NewTicker(s.refresh)
	defer due.Stop()
	for {
		for s.message.empty() && !s.take() {
			select {
			case <-s.queue.wake:
				s.collect(ctx)
			case <-due.C:
				if err := s.introduce(false); err != nil {
					return err
				}
			case <-s.broken:
				return errClosed
			case <-s.closing:
				if s.queue.waiting() == 0 {
					return nil
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := s.send(ctx); err != nil {
			return err
		}
	}
}

// collect waits for more records if there are few.
func (s *sender) collect(ctx context.Context) {
	if s.queue.waiting() >= s.limit()/200 {
		return
	}
	select {
	case <-time.After(gather):
	case <-s.closing:
	case <-s.broken:
	case <-ctx.Done():
	}
}

// take moves records from the queue into the message. It reports whether there were any.
func (s *sender) take() bool {
	s.message.reset()
	s.missing, s.volume = 0, volume{}
	for {
		r, ok := s.queue.peek()
		if !ok || !s.message.fits(r.template, len(r.data), s.limit()) {
			break
		}
		if r.missing > 0 && s.message.records > 0 {
			break // a message has one number, that of its first record
		}
		if s.message.records == 0 {
			s.missing = r.missing
		}
		s.message.add(r.template, r.data)
		s.volume.packets += r.volume.packets
		s.volume.octets += r.volume.octets
		s.queue.pop()
	}
	return s.message.records > 0
}

// send sends the message. Over UDP it waits while the collector is gone.
func (s *sender) send(ctx context.Context) error {
	if !s.fresh {
		s.flows.sequence += s.missing
	}
	s.missing, s.fresh = 0, false
	for {
		err := s.write(&s.message, &s.flows)
		if err == nil {
			break
		}
		if s.to.Network != "udp" {
			return err
		}
		s.fail(err)
		if err := s.await(ctx); err != nil {
			return err
		}
	}
	s.counts.sent.Add(uint64(s.message.records))
	s.message.reset()
	return nil
}

// write sends a message of a stream, and counts it.
func (s *sender) write(m *message, in *stream) error {
	b := m.finish(time.Now(), in)
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.writeTime)); err != nil {
		return err
	}
	if _, err := s.conn.Write(b); err != nil {
		return err
	}
	in.sequence += uint32(m.records)
	s.counts.messages.Add(1)
	s.counts.bytes.Add(uint64(len(b)))
	if s.sends++; s.sends%burst == 0 && s.to.Network == "udp" {
		time.Sleep(burstPause)
	}
	return nil
}

// await waits until a collector over UDP does not refuse datagrams any more. Each attempt
// is made with the templates, which the collector has to have first: a refusal is the
// error of the datagram after the one that was refused.
func (s *sender) await(ctx context.Context) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		if !s.rest(ctx, pause) {
			return errors.New("the service ends")
		}
		if s.probe() != nil {
			continue
		}
		if !s.rest(ctx, firstPause) {
			return errors.New("the service ends")
		}
		if s.probe() == nil {
			break
		}
	}
	s.succeed()
	return s.introduce(true)
}

// rest waits. It reports whether to try again: not if everything is about to end.
func (s *sender) rest(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-s.closing:
		return false
	case <-time.After(pause):
		return true
	}
}

// fail notes that the collector takes nothing, and logs the first time.
func (s *sender) fail(err error) {
	if s.down == nil {
		s.since = s.counts.dropped.Load()
		s.log.Warn("the collector of flow records takes none: they wait, then are dropped", "collector", s.to.String(), "error", err)
	}
	s.down = err
	s.counts.up.Store(false)
}

// succeed notes that the collector takes records.
func (s *sender) succeed() {
	if s.down != nil {
		s.log.Info("the collector takes flow records again", "collector", s.to.String(), "dropped", s.counts.dropped.Load()-s.since)
	}
	s.down = nil
	s.counts.up.Store(true)
}
