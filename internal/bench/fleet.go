package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ctop/internal/fleet"
	"ctop/internal/fleet/hub"
	"ctop/internal/lab"
	"ctop/internal/tmux"
)

// fleetSizes are the fleets that are measured.
var fleetSizes = []struct{ hosts, flows int }{{1000, 1000}, {5, 100_000}}

const (
	fleetAddress = "127.0.0.1:4222"
	// fleetScreen is how many lines the screen has, fleetFull from how many rows of flows
	// on it is full.
	fleetScreen = 50
	fleetFull   = 40
	fleetLive   = 10 * time.Second
	fleetIdle   = 20 * time.Second
)

// fleets measures fleets: hub and console are the real programs, the hosts are the agents of
// ctop serve over synthetic snapshots, all in one process.
func fleets(ctx context.Context, o Options) (rows []Row, err error) {
	for _, size := range fleetSizes {
		r, err := newFleetRun(ctx, size.hosts, size.flows)
		if err == nil {
			err = r.measure(ctx, o)
		}
		rows = append(rows, r.rows...)
		if err = errors.Join(err, r.close()); err != nil {
			return rows, err
		}
	}
	own, err := fleetTracker(ctx, o)
	return append(rows, own...), err
}

// fleetRun is a fleet that is measured.
type fleetRun struct {
	machine
	hosts, flows int
	dir          string
	hub          *lab.Cmd
	agents       *child
	console      *tmux.Terminal
	rows         []Row
	// next is the port of the next filter.
	next int
}

func newFleetRun(ctx context.Context, hosts, flows int) (r *fleetRun, err error) {
	r = &fleetRun{hosts: hosts, flows: flows}
	if r.dir, err = os.MkdirTemp("", "ctop-bench-"); err != nil {
		return r, err
	}
	keys := hub.Dir(filepath.Join(r.dir, "hub"))
	for i := range max(hosts, 1) {
		if err := keys.Add(fleet.RoleHost, hostName(i), filepath.Join(r.dir, hostName(i)), time.Now()); err != nil {
			return r, err
		}
	}
	if err := keys.Add(fleet.RoleViewer, "ann", filepath.Join(r.dir, "ann"), time.Now()); err != nil {
		return r, err
	}
	if err := r.startHub(ctx); err != nil {
		return r, err
	}
	r.agents, err = r.begin(ctx, nil, fmt.Sprintf("fleet %d %d %s %s", hosts, flows, fleetAddress, r.dir))
	if err == nil {
		err = r.agents.hears()
	}
	return r, err
}

// startHub starts ctop hub.
func (r *fleetRun) startHub(ctx context.Context) error {
	r.hub = lab.Command(ctx, ctopBinary, "hub", "--listen", fleetAddress, "--state", filepath.Join(r.dir, "hub"))
	return r.hub.Start()
}

func (r *fleetRun) killHub() {
	if r.hub != nil && r.hub.Process != nil {
		_ = r.hub.Process.Kill()
		_ = r.hub.Wait()
	}
}

func (r *fleetRun) close() error {
	if r.console != nil {
		_ = r.console.Close()
	}
	for _, end := range r.ends {
		end()
	}
	r.killHub()
	return os.RemoveAll(r.dir)
}

func (r *fleetRun) row(what, unit, note string, samples ...float64) {
	row := Row{Name: fmt.Sprintf("%d hosts × %d flows: %s", r.hosts, r.flows, what), Unit: unit, Note: note, Samples: samples}
	row.summarise()
	r.rows = append(r.rows, row)
}

func (r *fleetRun) measure(ctx context.Context, o Options) error {
	if err := r.everybody(ctx); err != nil {
		return err
	}
	if err := r.idle(); err != nil {
		return err
	}
	if err := r.startConsole(ctx); err != nil {
		return err
	}
	if err := r.filters(ctx, o); err != nil {
		return err
	}
	if err := r.live(ctx); err != nil {
		return err
	}
	return r.restart(ctx)
}

// everybody waits until all hosts are connected.
func (r *fleetRun) everybody(ctx context.Context) error {
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		n, err := r.ask("connected")
		if err != nil || int(n) == r.hosts {
			return err
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return fmt.Errorf("%.0f of %d hosts are connected", n, r.hosts)
		}
	}
}

// ask asks the hosts for a number.
func (r *fleetRun) ask(what string) (float64, error) {
	text, err := r.agents.does(what)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(text, 64)
}

// spending is what was sent and spent since a moment.
type spending struct {
	at                   time.Time
	sent                 float64
	hub, agents, console time.Duration
}

func (r *fleetRun) spending(console int) (s spending, err error) {
	s.sent, err = r.ask("bytes")
	s.at, s.hub, s.agents = time.Now(), spentBy(r.hub.Process.Pid), r.agents.spent()
	if console > 0 {
		s.console = spentBy(console)
	}
	return s, err
}

// since returns what was sent and spent since another moment, in a second.
func (s spending) since(before spending) (bytes, hub, agents, console float64) {
	span := s.at.Sub(before.at)
	share := func(d time.Duration) float64 { return 100 * float64(d) / float64(span) }
	return (s.sent - before.sent) / span.Seconds(), share(s.hub - before.hub), share(s.agents - before.agents), share(s.console - before.console)
}

// idle measures hosts that nobody looks at.
func (r *fleetRun) idle() error {
	before, err := r.spending(0)
	if err != nil {
		return err
	}
	time.Sleep(fleetIdle)
	after, err := r.spending(0)
	if err != nil {
		return err
	}
	bytes, hub, agents, _ := after.since(before)
	r.row("from all hosts, nobody looking", "kB/s", "at most 50", bytes/1000)
	r.row("hub, nobody looking", "% core", "", hub)
	r.row("one host, nobody looking", "% core", "", agents/float64(r.hosts))
	return nil
}

// live measures a console that looks at a fleet.
func (r *fleetRun) live(ctx context.Context) error {
	pid, err := r.console.Pid(ctx)
	if err != nil {
		return err
	}
	before, err := r.spending(pid)
	if err != nil {
		return err
	}
	var most float64
	for end := time.Now().Add(fleetLive); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		n, err := resident(pid)
		if err != nil {
			return err
		}
		most = max(most, n)
	}
	after, err := r.spending(pid)
	if err != nil {
		return err
	}
	bytes, hub, agents, console := after.since(before)
	r.row("into a console", "MB/s", "at most 10", bytes/1e6)
	r.row("hub, one console", "% core", "at most 100", hub)
	r.row("one host, one console", "% core", "at most 2", agents/float64(r.hosts))
	r.row("console", "% core", "", console)
	r.row("console, resident memory", "MB", "at most 300", most/1e6)
	return nil
}

// resident returns the memory of a process, also that of its files (VmRSS of
// proc_pid_status(5)).
func resident(pid int) (bytes float64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if n, err := fmt.Sscanf(line, "VmRSS: %g kB", &bytes); n == 1 && err == nil {
			return bytes * 1024, nil
		}
	}
	return 0, fmt.Errorf("read the memory of process %d: there is no VmRSS", pid)
}

// restart kills the hub, and measures how the hosts come back to another one.
func (r *fleetRun) restart(ctx context.Context) error {
	_ = r.console.Close()
	r.console = nil
	if _, err := fmt.Fprintln(r.agents.stdin, "back"); err != nil {
		return err
	}
	r.killHub()
	if err := r.startHub(ctx); err != nil {
		return err
	}
	text, err := r.agents.answer()
	if err != nil {
		return err
	}
	var took, most float64
	if _, err := fmt.Sscan(text, &took, &most); err != nil {
		return err
	}
	r.row("all back after the hub was killed and started", "s", "at most 30", took)
	r.row("connections in any second then", "", "at most 100", most)
	return nil
}
