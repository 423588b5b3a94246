package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"ctop/internal/alert"
	"ctop/internal/firstseen"
	"ctop/internal/fleet/standby"
	"ctop/internal/history"
	"ctop/internal/ipfix"
	"ctop/internal/metrics"
	"ctop/tracker"
	"ctop/tracker/flow"
	"ctop/ui"
	"ctop/ui/console"
)

// service is everything that one tracker serves.
type service struct {
	log    *slog.Logger
	notify *notifier

	metrics, ssh net.Listener
	keys         *console.Keyring
	hostKey      ssh.Signer
	audit        *console.Audit
	limits       console.Limits
	history      bool
	// place is the directory of files that consoles make.
	place    string
	settings []usedSetting

	ipfix    *ipfixFlags
	exporter *ipfix.Exporter
	// alerts is nil if there are none.
	alerts *alert.Watch
	fleet  *fleetFlags
	pair   *pairFlags
	door   *fleetDoor
	news   *firstSeenFlags
	names  namesValue
	getenv func(string) string
	// firsts is nil if nothing learns.
	firsts *firstseen.Watch
	// handedOver: the tracker is left to the next ctop.
	handedOver atomic.Bool
}

// close closes what was opened before the tracker.
func (s *service) close() {
	for _, l := range []net.Listener{s.metrics, s.ssh} {
		if l != nil {
			l.Close()
		}
	}
	if s.audit != nil {
		s.audit.Close()
	}
	s.door.close()
	s.fleet.close()
	s.notify.close()
}

// serve attaches the tracker and serves it until ctx is done.
func (s *service) serve(ctx context.Context, o tracker.Options) (err error) {
	t, err := openTracker(ctx, o, s.log)
	if err != nil {
		return err
	}
	defer func() { err = closeTracker(t, err) }()
	if err := s.names.read(t); err != nil {
		return err
	}
	if err := s.giveUp(t); err != nil {
		return err
	}
	var c *tracker.Collector
	if s.exporter, err = s.ipfix.exporter(t, func() *flow.Snapshot { return c.Status() }, s.log); err != nil {
		return err
	}
	s.firsts = s.news.watch(s.getenv, t.Named(), s.log)
	c = tracker.NewCollector(t, tracker.CollectorOptions{Observe: s.observer(), Look: onSnapshot(s.firsts, s.alerts)})
	collector := startCollector(context.WithoutCancel(ctx), c)
	defer func() {
		collector.stop()
		err = errors.Join(err, closeNews(s.firsts))
		if s.exporter != nil {
			s.exporter.Finish(o.Keep || s.handedOver.Load())
		}
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		<-collector.done
		cancel(collector.err)
	}()
	stop := onHandOver(func() {
		s.log.Info("leaving the tracker to the next ctop")
		t.HandOver()
		s.handedOver.Store(true)
		cancel(nil)
	})
	defer stop()
	if err := s.runAll(ctx, c, t); err != nil {
		return err
	}
	collector.stop()
	return collector.err
}

// captures returns the directory of captures, which nobody else may read or change.
func (s *service) captures() (string, error) {
	dir := filepath.Join(s.place, "captures")
	return dir, console.PrivateDirectory(dir)
}

// observer returns what hears of every event, nil if nothing does.
func (s *service) observer() func(*flow.Event) {
	if s.exporter == nil {
		return nil
	}
	return s.exporter.Observe
}

// handOver is the signal by which a service manager restarts the service
// (RestartKillSignal in docs/ctop@.service): the tracker goes on without an owner, and
// the next ctop takes it over with its flows. A service that does not handle it yet is
// killed by it, which comes to the same.
const handOver = unix.SIGUSR1

// onHandOver calls do at the first such signal, until it is stopped.
func onHandOver(do func()) (stop func()) {
	told, stopped := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(told, handOver)
	go func() {
		select {
		case <-told:
			do()
		case <-stopped:
		}
	}()
	return func() { close(stopped) }
}

// giveUp drops the capabilities that only attaching needs, and checks that files can
// still be read and written without them.
func (s *service) giveUp(t *tracker.Tracker) error {
	if err := giveUpPrivilege(kept(t.PeersInProcesses())); err != nil {
		s.log.Warn("keep privileges that are not needed", "error", err)
		return nil
	}
	if s.ssh == nil {
		return nil
	}
	if err := errors.Join(s.keys.Check(), s.audit.Check()); err != nil {
		return fmt.Errorf("%w: ctop drops its access to files of other users: put it where ctop's own user may read and write, as in /var/lib/ctop", err)
	}
	return nil
}

// runAll runs the servers until one fails or ctx is done.
func (s *service) runAll(ctx context.Context, c *tracker.Collector, t *tracker.Tracker) error {
	parts, err := s.parts(c, t)
	if err != nil {
		return err
	}
	var serving []any
	for i, name := range t.Interfaces() {
		serving = append(serving, fmt.Sprintf("interface%d", i+1), name)
	}
	return sideBySide(ctx, parts, func() {
		s.log.Info("serving", append(serving, "joined", t.Joined())...)
		s.notify.ready()
	}, func() {
		s.log.Info("stopping")
		s.notify.stopping()
	})
}

// parts are the servers that run side by side.
func (s *service) parts(c *tracker.Collector, t *tracker.Tracker) ([]func(context.Context) error, error) {
	parts := []func(context.Context) error{
		func(ctx context.Context) error { return s.notify.watch(ctx, func() error { return healthy(c) }) },
	}
	if s.exporter != nil {
		parts = append(parts, s.exporter.Run)
	}
	joins, err := s.fleet.agent(c, s.log)
	if err != nil {
		return nil, err
	}
	if joins != nil {
		parts = append(parts, joins.Run)
	}
	half, err := s.pair.half(t, s.fleet, s.exporter, s.log)
	if err != nil {
		return nil, err
	}
	if half != nil {
		half.HandedOver = s.handedOver.Load
		parts = append(parts, half.Run)
	}
	var stats func() console.Stats
	if s.ssh != nil {
		kept := history.NewStore(history.Options{})
		dumps := newDumps()
		dumps.bundles = &bundleSource{kept: kept, inventory: t.Inventory, settings: s.settings}
		s.door = s.fleet.door(s.log)
		dumps.fleet = s.door
		if s.history {
			parts = append(parts, func(ctx context.Context) error { return keepHistory(ctx, c, kept) })
		}
		server, err := console.New(console.Options{
			Source: c, Keys: s.keys, HostKey: s.hostKey, Audit: s.audit, Log: s.log,
			Exec: dumps.command, Limits: s.limits,
			Capturer:  func() ui.Capturer { return newCapturing(t, s.captures) },
			OpenFleet: s.door.opener(),
			Look:      []ui.Option{ui.WithPast(kept)},
		})
		if err != nil {
			return nil, err
		}
		stats = server.Stats
		s.log.Info("the console is served", "address", s.ssh.Addr().String(),
			"host_key", ssh.FingerprintSHA256(s.hostKey.PublicKey()), "keys", s.keys.Len())
		parts = append(parts, func(ctx context.Context) error { return server.Serve(ctx, s.ssh) })
	}
	if s.metrics != nil {
		m := metrics.New(metrics.Options{Source: c, Healthy: func() error { return errors.Join(healthy(c), inSync(half, time.Now())) }, Warnings: func() []string { return warned(c, half) }, Pair: half, Consoles: stats, Flows: s.exporter, Fleet: joins, Alerts: s.alerts, FirstSeen: s.firsts, Naming: namingOf(t), Log: s.log})
		s.log.Info("metrics are served", "url", fmt.Sprintf("http://%s/metrics", s.metrics.Addr()))
		parts = append(parts, func(ctx context.Context) error { return m.Serve(ctx, s.metrics) })
	}
	return parts, nil
}

// namingOf returns the function that tells what was read for names, nil if nothing is.
func namingOf(t *tracker.Tracker) func() flow.Naming {
	if _, reads := t.Naming(); !reads {
		return nil
	}
	return func() flow.Naming {
		status, _ := t.Naming()
		return status
	}
}

// oldest is the maximum age of a healthy snapshot. Reading a very large table takes
// seconds, and it is read a tenth of the time at most.
const oldest = 10 * time.Second

// healthy returns what is wrong with the tracker, nil if nothing is.
func healthy(c *tracker.Collector) error { return checkAge(c.Status(), time.Now()) }

func checkAge(s *flow.Snapshot, now time.Time) error {
	if s == nil {
		return fmt.Errorf("no snapshot yet")
	}
	if age := now.Sub(s.Time); age > max(oldest, 20*s.Took) {
		return fmt.Errorf("the latest snapshot is %s old", age.Round(time.Second))
	}
	return nil
}

// warned returns the current warnings, which do not make the tracker unhealthy.
func warned(c *tracker.Collector, half *standby.Half) []string {
	s := c.Status()
	switch {
	case s == nil:
		return nil
	case half == nil:
		return s.Warnings.Sentences()
	}
	now := half.Status()
	return withPair(s.Warnings, now.Pair()).Sentences()
}
