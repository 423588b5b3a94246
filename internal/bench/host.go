package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"ctop/internal/lab"
	"ctop/tracker/process"
	"github.com/vishvananda/netlink"
)

// What a machine's own traffic costs while it is observed: the middle of a lab is the
// machine, whose program sends to a server at a host. The processor time is that of both
// programs (traffic.go), of this process, which has ctop's collector, and of other observers.

// task is what the machine does.
type task struct {
	name string
	// rate and cost are the units of its rows: work by time, and processor time by work.
	rate, cost string
	streams    int
}

// roundTrips, as a number of streams, is one that asks and answers.
const roundTrips = -1

var (
	hostOneStream   = task{"host, TCP one stream", "Gbit/s", "µs/MB", 1}
	hostFourStreams = task{"host, TCP four streams", "Gbit/s", "µs/MB", 4}
	hostConnections = task{"host, connections", "/s", "µs", 0}
	// hostRoundTrips are of one byte each way, by one connection.
	hostRoundTrips = task{"host, round trips", "/s", "µs", roundTrips}
)

// hostRate and hostCost name the rows of a task beside an observer.
func hostRate(t task, by string) string { return t.name + ", " + by }

func hostCost(t task, by string) string { return t.name + ", " + by + ", processor time" }

// machine is the middle of a lab with an address, and a server in its client.
type machine struct {
	*lab.Lab
	cgroup         string
	client, server *child
	ends           []func()
}

// hostAddress is where the machine is.
const hostAddress = "10.0.0.9"

func newMachine(ctx context.Context) (_ *machine, err error) {
	// What was loaded before would track this traffic, too. The namespace is our own.
	if lacks("nft") == "" {
		if err := nft("flush ruleset"); err != nil {
			return nil, err
		}
	}
	l, err := lab.New(ctx, lab.Options{})
	if err != nil {
		return nil, err
	}
	m := &machine{Lab: l, ends: []func(){func() { _ = l.Close() }}}
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	port, err := netlink.LinkByName(l.Client.Port())
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", l.Client.Port(), err)
	}
	if err := addAddress(port, netip.MustParsePrefix(hostAddress+"/24")); err != nil {
		return nil, err
	}
	if err := errors.Join(manyConnections(), l.Client.Do(manyConnections)); err != nil {
		return nil, err
	}
	if err := m.enterGroup(); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *machine) close() {
	for i := len(m.ends) - 1; i >= 0; i-- {
		m.ends[i]()
	}
}

// enterGroup moves this process to a control group of its own, whose processes alone are
// looked for. Without control groups of version 2 there is none.
func (m *machine) enterGroup() error {
	root := process.CgroupRoot()
	if root == "" {
		return nil
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return fmt.Errorf("find the control group: %w", err)
	}
	home := root
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			home = filepath.Join(root, path)
		}
	}
	group, err := os.MkdirTemp(root, "ctop-bench-")
	if err != nil {
		return fmt.Errorf("make a control group: %w", err)
	}
	self := []byte(strconv.Itoa(os.Getpid()))
	m.ends = append(m.ends, func() {
		_ = os.WriteFile(filepath.Join(home, "cgroup.procs"), self, 0)
		// Programs that were stopped may take a moment to be gone.
		for end := time.Now().Add(10 * time.Second); os.Remove(group) != nil && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
	})
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), self, 0); err != nil {
		return fmt.Errorf("enter a control group: %w", err)
	}
	m.cgroup = group
	return nil
}

// startTraffic starts the programs of both ends.
func (m *machine) startTraffic(ctx context.Context) (err error) {
	if m.server, err = m.start(ctx, m.Client, "serve"); err != nil {
		return err
	}
	m.client, err = m.start(ctx, nil, "send "+m.Client.Addr4().String())
	return err
}

// newTraffic returns a machine whose programs send.
func newTraffic(ctx context.Context) (*machine, error) {
	m, err := newMachine(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.startTraffic(ctx); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// do has the client do a task for a while, and returns how much.
func (m *machine) do(t task, d time.Duration) (done float64, err error) {
	answer, err := m.client.does(fmt.Sprintf("%d %s", t.streams, d))
	if err != nil {
		return 0, err
	}
	if done, err = strconv.ParseFloat(answer, 64); err != nil {
		err = fmt.Errorf("%s: %w", t.name, err)
	}
	return done, err
}

// hosts measures a machine's own traffic beside each observer.
func hosts(ctx context.Context, o Options) ([]Row, error) {
	m, err := newTraffic(ctx)
	if err != nil {
		return nil, err
	}
	defer m.close()
	var rows []Row
	for _, set := range []struct {
		tasks []task
		by    []observer
		full  int
	}{
		{[]task{hostConnections, hostRoundTrips, hostOneStream, hostFourStreams}, m.observers(), 6},
		{[]task{hostConnections, hostOneStream}, m.programs(), 3},
	} {
		var probes []probe
		for _, t := range set.tasks {
			for _, by := range set.by {
				if by.missing != "" {
					rows = append(rows, Row{Name: hostRate(t, by.name), Missing: by.missing})
					continue
				}
				probes = append(probes, m.probes(t, by, o)...)
			}
		}
		more, err := interleave(ctx, o.rounds(set.full, 2), probes)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// probes measures a task beside an observer: how much is done in a second, and, in the same
// second, how much processor time that took.
func (m *machine) probes(t task, by observer, o Options) []probe {
	span := time.Duration(o.rounds(800, 300)) * time.Millisecond
	settle := span / 8
	if t.streams == 0 { // what an observer does at its start counts for much
		span, settle = 2*span, 2*span
	}
	var cost float64
	var note string
	rate := func(ctx context.Context) (float64, error) {
		watched, err := by.start(ctx)
		if err != nil {
			return 0, fmt.Errorf("start %s: %w", by.name, err)
		}
		defer watched.stop()
		if _, err := m.do(t, settle); err != nil {
			return 0, err
		}
		spent := func() time.Duration {
			return processTime() + m.client.spent() + m.server.spent() + watched.spent()
		}
		began, before := time.Now(), spent()
		done, err := m.do(t, span)
		if err != nil {
			return 0, err
		}
		took, used := time.Since(began), spent()-before
		if note, err = watched.check(); err != nil {
			return 0, err
		}
		if t.streams > 0 {
			cost = float64(used.Nanoseconds()) / 1e3 / (done / 1e6)
			return done * 8 / took.Seconds() / 1e9, nil
		}
		cost = float64(used.Nanoseconds()) / 1e3 / done
		return done / took.Seconds(), nil
	}
	return []probe{
		{name: hostRate(t, by.name), unit: t.rate, take: rate, note: func() string { return note }},
		{name: hostCost(t, by.name), unit: t.cost, take: func(context.Context) (float64, error) { return cost, nil }},
	}
}

// watching is an observer at work.
type watching struct {
	// spent is the processor time of a program beside this process.
	spent func() time.Duration
	// check fails if nothing was observed, and says what was.
	check func() (note string, err error)
	stop  func()
}

// observer is something that observes the machine's traffic.
type observer struct {
	name, missing string
	start         func(ctx context.Context) (watching, error)
}

// together stops several things, the last one first.
func together(wg *sync.WaitGroup, stop context.CancelFunc, more ...func()) func() {
	return func() {
		stop()
		wg.Wait()
		for _, f := range more {
			f()
		}
	}
}
