package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/tracker"
	"ctop/tracker/flow"
)

// How long it takes to know whose the sockets are that were open before. They belong to
// processes of this program, each with as many as it may have.

const (
	openSockets = 100_000
	// mostSockets leaves room for other files below the usual limit.
	mostSockets = 19_000
	startBound  = 500

	startWithNames = "start, with the names of 100,000 open sockets"
	startWithout   = "start, without names"
	namesBySS      = "ss -u -a -n -p, 100,000 open sockets"
	firstPort      = 20_000
)

// holder is a child with many connected sockets at an address of its own.
type holder struct {
	*child
	addr netip.Addr
}

// hold opens sockets. What it returns sends by each.
func hold(what string) (func(string) (string, error), error) {
	var from, to string
	var n int
	if _, err := fmt.Sscan(what, &from, &to, &n); err != nil {
		return nil, err
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, fmt.Errorf("read the limit of files: %w", err)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, fmt.Errorf("raise the limit of files: %w", err)
	}
	local, err := netip.ParseAddr(from)
	if err != nil {
		return nil, err
	}
	remote, err := netip.ParseAddrPort(to)
	if err != nil {
		return nil, err
	}
	fds := make([]int, n)
	for i := range fds {
		fds[i], err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Bind(fds[i], &unix.SockaddrInet4{Addr: local.As4(), Port: firstPort + i})
		}
		if err == nil {
			err = unix.Connect(fds[i], &unix.SockaddrInet4{Addr: remote.Addr().As4(), Port: int(remote.Port())})
		}
		if err != nil {
			return nil, fmt.Errorf("open socket %d of %d: %w", i+1, n, err)
		}
	}
	return func(string) (string, error) {
		for _, fd := range fds {
			// A full queue takes it later.
			for _, err = unix.Write(fd, []byte("x")); errors.Is(err, unix.ENOBUFS); _, err = unix.Write(fd, []byte("x")) {
				time.Sleep(time.Millisecond)
			}
			if err != nil {
				return "", fmt.Errorf("send: %w", err)
			}
		}
		return "sent", nil
	}, nil
}

// openSocketsOf starts the holders of n sockets.
func (m *machine) openSocketsOf(ctx context.Context, n int) ([]*holder, error) {
	port, err := netlink.LinkByName(m.Client.Port())
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", m.Client.Port(), err)
	}
	sink, err := m.Client.ListenPacket(ctx, "udp4", netip.AddrPortFrom(m.Client.Addr4(), 0).String())
	if err != nil {
		return nil, err
	}
	m.ends = append(m.ends, func() { _ = sink.Close() })
	var all []*holder
	for addr := netip.MustParseAddr(hostAddress).Next(); n > 0; addr = addr.Next() {
		if err := addAddress(port, netip.PrefixFrom(addr, 24)); err != nil {
			return nil, err
		}
		some := min(n, mostSockets)
		n -= some
		c, err := m.begin(ctx, nil, fmt.Sprintf("hold %s %s %d", addr, sink.LocalAddr(), some))
		if err != nil {
			return nil, err
		}
		all = append(all, &holder{c, addr})
	}
	for _, h := range all {
		if err := h.hears(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// sockets measures the start of a tracker beside many open sockets.
func sockets(ctx context.Context, o Options) ([]Row, error) {
	m, err := newMachine(ctx)
	if err != nil {
		return nil, err
	}
	defer m.close()
	holders, err := m.openSocketsOf(ctx, openSockets)
	if err != nil {
		return nil, err
	}
	var used time.Duration
	probes := []probe{
		{name: startWithout, unit: "ms", take: func(ctx context.Context) (float64, error) {
			took, _, err := m.open(ctx, nil)
			return took, err
		}},
		{name: startWithNames, unit: "ms", take: func(ctx context.Context) (took float64, err error) {
			took, used, err = m.open(ctx, holders)
			return took, err
		}, note: func() string { return fmt.Sprintf("%.0f ms of processor time", used.Seconds()*1e3) }},
	}
	var left []Row
	if missing := lacks("ss"); missing != "" {
		left = append(left, Row{Name: namesBySS, Missing: missing})
	} else {
		probes = append(probes, probe{name: namesBySS, unit: "ms", take: func(ctx context.Context) (float64, error) {
			began := time.Now()
			err := exec.CommandContext(ctx, "ss", "-u", "-a", "-n", "-p").Run()
			return time.Since(began).Seconds() * 1e3, err
		}})
	}
	rows, err := interleave(ctx, o.rounds(4, 2), probes)
	return append(rows, left...), err
}

// open starts a tracker and ends it. With holders every one of their sockets then sends,
// and every flow must have the holder's name.
func (m *machine) open(ctx context.Context, holders []*holder) (ms float64, used time.Duration, err error) {
	began, before := time.Now(), processTime()
	t, err := tracker.Open(ctx, tracker.Options{
		Watch: true, Interfaces: []string{m.Client.Port()}, MaxFlows: 2 * openSockets,
		NoProcesses: holders == nil, Cgroup: m.cgroup,
	})
	if err != nil {
		return 0, 0, err
	}
	ms, used = time.Since(began).Seconds()*1e3, processTime()-before
	defer func() { err = errors.Join(err, t.Close()) }()
	pids := map[netip.Addr]uint32{}
	for _, h := range holders {
		pids[h.addr] = uint32(h.cmd.Process.Pid)
		if _, err := fmt.Fprintln(h.stdin, "send"); err != nil {
			return 0, 0, err
		}
	}
	for _, h := range holders {
		if err := h.hears(); err != nil {
			return 0, 0, err
		}
	}
	if holders == nil {
		return ms, used, nil
	}
	s, err := t.Snapshot()
	if err != nil {
		return 0, 0, err
	}
	named := 0
	for _, f := range s.Flows {
		pid, ours := pids[f.Tuple.Src.Addr()]
		p := f.Holding.Owner()
		switch {
		case !ours || f.Tuple.Proto != flow.ProtocolUDP || p == nil:
		case p.PID != pid:
			return 0, 0, fmt.Errorf("%s is of process %d, not %d", f.Tuple, p.PID, pid)
		default:
			named++
		}
	}
	if named != openSockets {
		return 0, 0, fmt.Errorf("%d of %d flows have a name", named, openSockets)
	}
	return ms, used, nil
}
