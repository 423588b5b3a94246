package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ctop/tracker"
)

const (
	// connectors is the number of concurrent connections.
	connectors  = 4
	connectPort = 7000
	// closing is how long ctop keeps closed flows in this measurement.
	closing = time.Second
)

// connections measures how many connections a second can be opened and closed.
func connections(ctx context.Context, o Options) ([]Row, error) {
	// In real use, reader and endpoints are separate programs that wait for
	// CPUs, not for Go's scheduler.
	before := runtime.GOMAXPROCS(4 * runtime.NumCPU())
	defer runtime.GOMAXPROCS(before)
	var rigs []*rig
	defer func() {
		for _, r := range rigs {
			r.close()
		}
	}()
	// Pairs are ctop and what it is compared with, others the rest.
	var pairs, others []probe
	var left []Row
	for n, how := range []forwarder{byXDP, byNative, byTCX, byTC, byBridge, byRouter} {
		name := connectName(how)
		if missing := how.missing(); missing != "" {
			left = append(left, Row{Name: name, Missing: missing})
			continue
		}
		r, err := newRig(ctx, n+1, how, smallTable)
		if err != nil {
			return nil, err
		}
		rigs = append(rigs, r)
		c, err := newSwitchboard(ctx, r)
		if err != nil {
			return nil, err
		}
		both := []probe{{name: name, unit: "/s", note: c.note, take: func(ctx context.Context) (float64, error) {
			return c.measure(ctx, time.Duration(o.rounds(1000, 300))*time.Millisecond)
		}}, {name: connectCost(how), unit: "µs", take: func(context.Context) (float64, error) { return c.cost, nil }}}
		if how == byXDP || how == byNative {
			pairs = append(pairs, both...)
		} else {
			others = append(others, both...)
		}
	}
	rows, err := interleave(ctx, o.rounds(20, 2), pairs)
	if err != nil {
		return nil, err
	}
	more, err := interleave(ctx, o.rounds(5, 2), others)
	return slices.Concat(rows, more, left), err
}

func connectName(how forwarder) string { return "connections, " + string(how) }

// connectCost names a row of the processor time of a connection: of both ends, of the
// packets between, and of the collector, whatever else the machine does.
func connectCost(how forwarder) string { return "a connection, " + string(how) }

// switchboard opens and closes connections through a rig.
type switchboard struct {
	*rig
	lost, left int
	// cost is the processor time of a connection in microseconds, when last measured.
	cost float64
}

func newSwitchboard(ctx context.Context, r *rig) (*switchboard, error) {
	s := &switchboard{rig: r}
	for _, host := range r.hosts() {
		if err := host.Do(manyConnections); err != nil {
			return nil, err
		}
	}
	for i := range connectors {
		if err := s.listen(i); err != nil {
			return nil, err
		}
	}
	if s.tracker != nil {
		s.watch(ctx)
	}
	return s, nil
}

// watch reads events like a console, and sweeps.
func (s *switchboard) watch(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { _ = tracker.NewCollector(s.tracker, tracker.CollectorOptions{}).Run(ctx) })
	s.stop = append(s.stop, func() {
		stop()
		wg.Wait()
	})
}

// listen starts a server that closes connections after the client.
func (s *switchboard) listen(i int) error {
	return s.Server.Do(func() error {
		end, err := listenHere(connectPort+i, finish)
		if err == nil {
			s.stop = append(s.stop, end)
		}
		return err
	})
}

// measure opens and closes connections for a while.
func (s *switchboard) measure(ctx context.Context, d time.Duration) (float64, error) {
	var count atomic.Int64
	before := processTime()
	deadline := time.Now().Add(d)
	errs := make(chan error, connectors)
	for i := range connectors {
		address := &unix.SockaddrInet4{Addr: s.Server.Addr4().As4(), Port: connectPort + i}
		go func() { errs <- s.Client.Do(func() error { return connect(ctx, address, deadline, &count) }) }()
	}
	var err error
	for range connectors {
		err = errors.Join(err, <-errs)
	}
	s.cost = float64((processTime() - before).Nanoseconds()) / 1e3 / float64(max(count.Load(), 1))
	if err == nil && s.tracker != nil {
		err = s.inspect(ctx)
	}
	return float64(count.Load()) / d.Seconds(), err
}

// connect opens and closes one connection after another.
func connect(ctx context.Context, address unix.Sockaddr, deadline time.Time, count *atomic.Int64) error {
	for time.Now().Before(deadline) && ctx.Err() == nil {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open a socket: %w", err)
		}
		if err := unix.Connect(fd, address); err != nil {
			_ = unix.Close(fd)
			return fmt.Errorf("connect: %w", err)
		}
		_ = unix.Close(fd)
		count.Add(1)
	}
	return nil
}

// inspect counts, after a delay, the lost events and the remaining entries.
func (s *switchboard) inspect(ctx context.Context) error {
	deadline := time.Now().Add(closing + 5*time.Second)
	for {
		snapshot, err := s.tracker.Snapshot()
		if err != nil {
			return err
		}
		s.lost, s.left = int(snapshot.Counters.EventsLost), len(snapshot.Flows)
		if s.left == 0 || time.Now().After(deadline) || ctx.Err() != nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (s *switchboard) note() string {
	if s.tracker == nil {
		return ""
	}
	return fmt.Sprintf("%d events lost, %d entries left", s.lost, s.left)
}
