package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/cilium/ebpf"

	"ctop/bpf"
)

// ctopBinary is built by make bench before this program runs.
const ctopBinary = "bin/ctop"

const (
	manyFlows    = "1 Mi flows"
	dumpMany     = "ctop --dump -o jsonl, " + manyFlows
	dumpOnce     = "ctop --dump --for 0s -o jsonl, " + manyFlows
	dumpSame     = "ctop --dump -o jsonl, as many flows as conntrack"
	conntrackAll = "conntrack -L"
)

// tables measures reading and sweeping a large table.
func tables(ctx context.Context, o Options) ([]Row, error) {
	large, err := newRig(ctx, 1, byNative, largeTable)
	if err != nil {
		return nil, err
	}
	defer large.close()
	if err := large.fill(dataFrame(), largeFlows); err != nil {
		return nil, err
	}
	t := &tableBench{rounds: o.rounds(5, 2)}
	if err := t.own(large); err != nil {
		return nil, err
	}
	if o.Quick {
		rows, err := interleave(ctx, t.rounds, t.probes)
		return rows, err
	}
	return t.beside(ctx)
}

// tableBench collects probes of tables.
type tableBench struct {
	rounds int
	probes []probe
}

// own measures ctop with a million flows.
func (t *tableBench) own(r *rig) error {
	sweep, err := ebpf.LoadPinnedProgram(r.pin("sweep"), nil)
	if err != nil {
		return err
	}
	r.stop = append(r.stop, func() { sweep.Close() })
	t.probes = append(t.probes, probe{name: "sweep of " + manyFlows, unit: "ns/flow", take: func(context.Context) (float64, error) {
		args := bpf.ConntrackSweepArgs{Part: 1}
		started := time.Now()
		var err error
		for args.Part != 0 && err == nil {
			_, err = sweep.Run(&ebpf.RunOptions{Context: args, ContextOut: &args})
		}
		took := time.Since(started)
		if err == nil && args.Visited != largeFlows {
			err = fmt.Errorf("%d flows were visited, not %d", args.Visited, largeFlows)
		}
		return float64(took.Nanoseconds()) / largeFlows, err
	}}, probe{name: "snapshot of " + manyFlows, unit: "s", take: func(context.Context) (float64, error) {
		started := time.Now()
		s, err := r.tracker.Snapshot()
		if err == nil && len(s.Flows) != largeFlows {
			err = fmt.Errorf("the snapshot has %d flows, not %d", len(s.Flows), largeFlows)
		}
		return time.Since(started).Seconds(), err
	}}, t.command(dumpMany, largeFlows, ctopBinary, "--dump", "-o", "jsonl", r.Client.Port(), r.Server.Port()),
		// Without rates one read is enough.
		t.command(dumpOnce, largeFlows, ctopBinary, "--dump", "--for", "0s", "-o", "jsonl", r.Client.Port(), r.Server.Port()))
	if lacks("tmux") == "" {
		t.probes = append(t.probes, consoleProbe(r))
	}
	return nil
}

// beside adds the kernel's own tracker, and ctop with as many flows as that
// supports.
func (t *tableBench) beside(ctx context.Context) ([]Row, error) {
	var left []Row
	missing := lacks("conntrack", "nft", "ip")
	if missing == "" {
		closeAll, err := t.peers(ctx)
		defer closeAll()
		if err != nil {
			return nil, err
		}
	} else {
		left = append(left, Row{Name: conntrackAll, Missing: missing})
	}
	rows, err := interleave(ctx, t.rounds, t.probes)
	return append(rows, left...), err
}

// peers fills the kernel's table with routed packets, and a ctop table to the
// same size.
func (t *tableBench) peers(ctx context.Context) (closeAll func(), err error) {
	var rigs []*rig
	closeAll = func() {
		for _, r := range rigs {
			r.close()
		}
	}
	n, err := conntrackRoom()
	if err != nil {
		return closeAll, err
	}
	for i, how := range []forwarder{byRouter, byNative} {
		r, err := newRig(ctx, i+2, how, largeTable)
		if err != nil {
			return closeAll, err
		}
		rigs = append(rigs, r)
	}
	if err := rigs[1].fill(dataFrame(), n); err != nil {
		return closeAll, err
	}
	if err := fillConntrack(rigs[0], n); err != nil {
		return closeAll, err
	}
	t.probes = append(t.probes, t.command(conntrackAll, n, "conntrack", "-L"),
		t.command(dumpSame, n, ctopBinary, "--dump", "-o", "jsonl", rigs[1].Client.Port(), rigs[1].Server.Port()))
	return closeAll, nil
}

// conntrackRoom returns the capacity of the kernel's table. Its limit is per
// machine, not per namespace.
func conntrackRoom() (int, error) {
	b, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_max")
	if err != nil {
		return 0, fmt.Errorf("read how many flows the kernel may track: %w", err)
	}
	limit, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("read how many flows the kernel may track: %w", err)
	}
	return min(largeFlows, limit*9/10), nil
}

// fillConntrack sends one segment of each of n connections through the router,
// which picks them up.
func fillConntrack(r *rig, n int) error {
	g, err := newGallery(r)
	if err != nil {
		return err
	}
	f := dataFrame()
	copy(f.macs[:], g.cannons[0].data)
	s := f.inOrder([]step{{flags: f.flags, seq: clientSeq, ack: serverSeq}})
	if err := s.apply(g.cannons[0].stage, g.cannons[0].stage.Programs[progPass]); err != nil {
		return err
	}
	return g.cannons[0].fire(n)
}

// command measures how long a command takes to print n flows, and notes its
// memory.
func (t *tableBench) command(name string, n int, program string, args ...string) probe {
	var memory int64
	return probe{name: name, unit: "µs/flow", take: func(ctx context.Context) (float64, error) {
		lines := new(lineCounter)
		command := exec.CommandContext(ctx, program, args...)
		command.Stdout = lines
		var said strings.Builder
		command.Stderr = &said
		started := time.Now()
		err := command.Start()
		if err == nil {
			peak := watchMemory(command.Process.Pid)
			err = command.Wait()
			memory = peak()
		}
		took := time.Since(started)
		if err != nil {
			return 0, fmt.Errorf("%w: %s", err, said.String())
		}
		if lines.n < n*9/10 || lines.n > n*11/10 {
			return 0, fmt.Errorf("%s printed %d flows, not %d", program, lines.n, n)
		}
		return took.Seconds() * 1e6 / float64(lines.n), nil
	}, note: func() string {
		return fmt.Sprintf("%d flows, %d bytes of memory for each", n, memory/int64(n))
	}}
}

// watchMemory tracks the peak memory of a process (VmHWM of proc_pid_status(5))
// until the returned function is called. The kernel's figure at exit would
// include its parent's memory.
func watchMemory(pid int) (peak func() int64) {
	stop, result := make(chan struct{}), make(chan int64)
	go func() {
		var most int64
		for {
			most = max(most, highWater(pid))
			select {
			case <-stop:
				result <- most
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-result
	}
}

func highWater(pid int) (bytes int64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if n, err := fmt.Sscanf(line, "VmHWM: %d kB", &bytes); n == 1 && err == nil {
			return bytes * 1024
		}
	}
	return 0
}

// lineCounter counts and discards lines.
type lineCounter struct{ n int }

var _ io.Writer = (*lineCounter)(nil)

func (c *lineCounter) Write(b []byte) (int, error) {
	c.n += bytes.Count(b, []byte{'\n'})
	return len(b), nil
}
