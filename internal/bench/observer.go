package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/internal/tmux"
	"ctop/tracker"
	"ctop/tracker/process"
)

// The observers of a machine.
const (
	byNobody    = "nobody watching"
	byWatch     = "ctop watching, no names"
	byNames     = "ctop watching"
	byConntrack = "nf_conntrack"
	// bySilence is nobody watching again, in turn with programs.
	bySilence = "nobody watching beside these"
	byPktstat = "pktstat"
	byNethogs = "nethogs"
	byIftop   = "iftop"
)

// hostRules make the kernel track the machine's own connections.
const hostRules = `table ip ctop_bench {
	chain in {
		type filter hook input priority 0; policy accept;
		ct state established,related counter accept
		ct state new counter accept
		ct state invalid counter drop
	}
	chain out {
		type filter hook output priority 0; policy accept;
		ct state established,related counter accept
		ct state new counter accept
	}
}
`

func nft(rules string) error {
	command := exec.Command("nft", "-f", "-")
	command.Stdin = strings.NewReader(rules)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("run nft: %w: %s", err, out)
	}
	return nil
}

func nothing() watching {
	return watching{spent: func() time.Duration { return 0 }, check: func() (string, error) { return "", nil }, stop: func() {}}
}

// observers are ctop and the kernel's own tracker.
func (m *machine) observers() []observer {
	nobody := func(context.Context) (watching, error) { return nothing(), nil }
	names := observer{name: byNames, start: func(ctx context.Context) (watching, error) { return m.watch(ctx, true, readAll) }}
	if process.CgroupRoot() == "" {
		names.missing = "no control groups of version 2 are mounted"
	}
	return []observer{
		{name: byNobody, start: nobody},
		{name: byWatch, start: func(ctx context.Context) (watching, error) { return m.watch(ctx, false, readAll) }},
		names,
		{name: byConntrack, missing: lacks("nft"), start: m.conntrack},
	}
}

// attention is how much of a tracker is read.
type attention int

const (
	// readNothing leaves it alone, readEvents reads the events and throws them away.
	readNothing attention = iota
	readEvents
	// readAll does what a console does: it reads every event, sweeps, and looks at a
	// snapshot once a second.
	readAll
)

// watch watches the machine's interface.
func (m *machine) watch(ctx context.Context, names bool, how attention) (watching, error) {
	t, err := tracker.Open(ctx, tracker.Options{
		Watch: true, Interfaces: []string{m.Client.Port()}, MaxFlows: smallTable,
		Timeouts: closedSoon(), NoProcesses: !names, Cgroup: m.cgroup,
	})
	if err != nil {
		return watching{}, err
	}
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	switch how {
	case readEvents:
		wg.Go(func() {
			for _, err := range t.Events(ctx) {
				if err != nil {
					return
				}
			}
		})
	case readAll:
		c := tracker.NewCollector(t, tracker.CollectorOptions{})
		wg.Go(func() { _ = c.Run(ctx) })
		wg.Go(func() { lookEverySecond(ctx, c) })
	}
	w := nothing()
	w.stop = together(&wg, stop, func() { _ = t.Close() })
	w.check = func() (string, error) {
		s, err := t.Snapshot()
		if err == nil && s.Counters.FlowsCreated == 0 {
			err = errors.New("ctop saw no flow")
		}
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%d flows, %d events, %d lost", s.Counters.FlowsCreated, s.Counters.Events, s.Counters.EventsLost), nil
	}
	return w, nil
}

func lookEverySecond(ctx context.Context, c *tracker.Collector) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for ctx.Err() == nil {
		c.Snapshot()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// conntrack makes the kernel track the machine's connections, until it is stopped.
func (m *machine) conntrack(context.Context) (watching, error) {
	if err := nft(hostRules); err != nil {
		return watching{}, err
	}
	w := nothing()
	w.check = func() (string, error) {
		flows, err := netlink.ConntrackTableList(netlink.ConntrackTable, unix.AF_INET)
		if err == nil && !slices.ContainsFunc(flows, func(f *netlink.ConntrackFlow) bool {
			return f.Forward.DstIP.Equal(m.Client.Addr4().AsSlice())
		}) {
			err = fmt.Errorf("the kernel's conntrack shows no flow to %s", m.Client.Addr4())
		}
		return "", err
	}
	w.stop = func() { _ = nft("delete table ip ctop_bench") }
	return w, nil
}

// programs are what people open to see a machine's traffic.
func (m *machine) programs() []observer {
	all := []observer{{name: bySilence, start: func(context.Context) (watching, error) { return nothing(), nil }}}
	port := m.Client.Port()
	for _, p := range []struct {
		name string
		args []string
	}{
		{byPktstat, []string{"pktstat", "-n", "-i", port, "-w", "1"}},
		{byNethogs, []string{"nethogs", port}},
		{byIftop, []string{"iftop", "-n", "-P", "-i", port}},
	} {
		all = append(all, observer{
			name: p.name, missing: lacks(p.args[0], "tmux"),
			start: func(ctx context.Context) (watching, error) { return inTerminal(ctx, p.args) },
		})
	}
	return all
}

// inTerminal runs a program in a terminal, and waits until it hears packets.
func inTerminal(ctx context.Context, args []string) (watching, error) {
	term, err := tmux.Start(ctx, tmux.Options{Width: 120, Height: 40, Command: args})
	if err != nil {
		return watching{}, err
	}
	pid, err := term.Pid(ctx)
	for end := time.Now().Add(10 * time.Second); err == nil && !hears(pid); time.Sleep(10 * time.Millisecond) {
		if _, ended, failed := term.Ended(ctx); ended || failed != nil || time.Now().After(end) {
			err = fmt.Errorf("%s does not listen", args[0])
		}
	}
	w := nothing()
	w.stop = func() { _ = term.Close() }
	if err != nil {
		w.stop()
		return watching{}, err
	}
	began, before := time.Now(), spentBy(pid)
	w.spent = func() time.Duration { return spentBy(pid) }
	w.check = func() (string, error) {
		return fmt.Sprintf("it takes %.0f %% of a processor", 100*float64(spentBy(pid)-before)/float64(time.Since(began))), nil
	}
	return w, nil
}

// hears reports whether a process has a packet socket, by its files' inodes and those of
// /proc/net/packet.
func hears(pid int) bool {
	sockets, _ := os.ReadFile("/proc/net/packet")
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, file := range files {
		target, _ := os.Readlink(file)
		inode, ok := strings.CutPrefix(target, "socket:[")
		if ok && slices.Contains(strings.Fields(string(sockets)), strings.TrimSuffix(inode, "]")) {
			return true
		}
	}
	return false
}

// spentBy returns the processor time of all threads of a process (proc_pid_schedstat).
func spentBy(pid int) (sum time.Duration) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, file := range threads {
		text, _ := os.ReadFile(file)
		if fields := strings.Fields(string(text)); len(fields) > 0 {
			ns, _ := strconv.ParseInt(fields[0], 10, 64)
			sum += time.Duration(ns)
		}
	}
	return sum
}

// manyConnections lets a namespace open connections without end: the side that closes first
// does not keep closed ones, or it would run out of ports.
func manyConnections() error {
	for name, value := range map[string]string{
		"ipv4/tcp_max_tw_buckets": "0", "ipv4/ip_local_port_range": "10000 65000", "core/somaxconn": "4096",
	} {
		if err := sysctl(name, value); err != nil {
			return err
		}
	}
	return nil
}
