package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker/process"
)

// What a machine's own traffic costs while it is observed: the middle of a lab is the
// machine, whose programs send to a host. Both ends are threads of this process, so that
// its processor time is that of the traffic and of the observer.

// task is what the machine does.
type task struct {
	name string
	// rate and cost are the units of its rows: work by time, and processor time by work.
	rate, cost string
	streams    int
}

var (
	hostOneStream   = task{"host, TCP one stream", "Gbit/s", "µs/MB", 1}
	hostFourStreams = task{"host, TCP four streams", "Gbit/s", "µs/MB", 4}
	hostConnections = task{"host, connections", "/s", "µs", 0}
)

// hostRate and hostCost name the rows of a task beside an observer.
func hostRate(t task, by string) string { return t.name + ", " + by }

func hostCost(t task, by string) string { return t.name + ", " + by + ", processor time" }

// machine is the middle of a lab with an address, and a server in its client.
type machine struct {
	*lab.Lab
	cgroup string
	ends   []func()
}

// hostAddress is where the machine is, and streamPort where its peer reads.
const (
	hostAddress = "10.0.0.9"
	streamPort  = connectPort + connectors
)

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
	for i := range connectors {
		if err := m.listen(connectPort+i, finish); err != nil {
			return nil, err
		}
	}
	return m, m.listen(streamPort, drain)
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
		_ = os.Remove(group)
	})
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), self, 0); err != nil {
		return fmt.Errorf("enter a control group: %w", err)
	}
	m.cgroup = group
	return nil
}

// finish closes a connection after its client.
func finish(fd int) {
	var b [1]byte
	_, _ = unix.Read(fd, b[:])
	_ = unix.Close(fd)
}

// drain reads a connection in the background.
func drain(fd int) {
	go func() {
		for b := make([]byte, 256<<10); ; {
			if n, err := unix.Read(fd, b); n <= 0 && !errors.Is(err, unix.EINTR) {
				_ = unix.Close(fd)
				return
			}
		}
	}()
}

// listen starts a server at the host.
func (m *machine) listen(port int, serve func(fd int)) error {
	end, err := listenAt(m.Client, port, serve)
	if err == nil {
		m.ends = append(m.ends, end)
	}
	return err
}

// do does a task for a while, and returns how much.
func (m *machine) do(ctx context.Context, t task, d time.Duration) (float64, error) {
	var done atomic.Int64
	deadline := time.Now().Add(d)
	errs := make(chan error, connectors)
	n := connectors
	if t.streams > 0 {
		n = t.streams
	}
	for i := range n {
		address := &unix.SockaddrInet4{Addr: m.Client.Addr4().As4(), Port: connectPort + i}
		go func() {
			if t.streams == 0 {
				errs <- connect(ctx, address, deadline, &done)
				return
			}
			address.Port = streamPort
			errs <- stream(ctx, address, deadline, &done)
		}()
	}
	var err error
	for range n {
		err = errors.Join(err, <-errs)
	}
	return float64(done.Load()), err
}

// stream writes by one connection.
func stream(ctx context.Context, address unix.Sockaddr, deadline time.Time, count *atomic.Int64) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Connect(fd, address); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	for b := make([]byte, 128<<10); time.Now().Before(deadline) && ctx.Err() == nil; {
		n, err := unix.Write(fd, b)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("send: %w", err)
		}
		count.Add(int64(max(n, 0)))
	}
	return nil
}

// hosts measures a machine's own traffic beside each observer.
func hosts(ctx context.Context, o Options) ([]Row, error) {
	before := runtime.GOMAXPROCS(4 * runtime.NumCPU())
	defer runtime.GOMAXPROCS(before)
	m, err := newMachine(ctx)
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
		{[]task{hostConnections, hostOneStream, hostFourStreams}, m.observers(), 9},
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
	var cost float64
	var note string
	rate := func(ctx context.Context) (float64, error) {
		watched, err := by.start(ctx)
		if err != nil {
			return 0, fmt.Errorf("start %s: %w", by.name, err)
		}
		defer watched.stop()
		if _, err := m.do(ctx, t, span/8); err != nil {
			return 0, err
		}
		began, spent, aside := time.Now(), processTime(), watched.spent()
		done, err := m.do(ctx, t, span)
		if err != nil {
			return 0, err
		}
		took := time.Since(began)
		aside = watched.spent() - aside
		used := processTime() - spent + aside
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
