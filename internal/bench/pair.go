package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"ctop/internal/fleet/hub"
	"ctop/internal/lab"
	"ctop/internal/scrape"
)

// pairHalf is one of two wires of a pair, with the real ctop serve.
type pairHalf struct {
	*rig
	ports         [2]string
	name, metrics string
	// alone: it is of no pair.
	alone bool
	cmd   *lab.Cmd
}

// pairRun is a pair that is measured: both halves and the hub are the real programs.
type pairRun struct {
	dir    string
	hub    *lab.Cmd
	halves [2]*pairHalf
	ends   []func()
	rows   []Row
}

// pairs measures a pair: what it takes until a partner knows a flow, what that costs, a
// fresh partner of a million flows, and what a partner knows when the other one is killed.
func pairs(ctx context.Context, o Options) (rows []Row, err error) {
	r, err := newPairRun(ctx)
	defer func() { err = errors.Join(err, r.close()) }()
	if err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context, Options) error{r.fresh, r.live, r.killed} {
		if err := step(ctx, o); err != nil {
			return r.rows, err
		}
	}
	return r.rows, nil
}

func newPairRun(ctx context.Context) (r *pairRun, err error) {
	r = new(pairRun)
	var rigs [2]*rig
	var ports [2][2]string
	for i := range rigs {
		if rigs[i], err = newRig(ctx, i+1, byNothing, 0); err != nil {
			return r, err
		}
		r.ends = append(r.ends, rigs[i].close)
		ports[i] = [2]string{rigs[i].Client.Port(), rigs[i].Server.Port()}
	}
	if err := r.prepare(rigs, ports); err != nil {
		return r, err
	}
	return r, r.startHub(ctx)
}

// prepare makes the keys of two halves.
func (r *pairRun) prepare(rigs [2]*rig, ports [2][2]string) (err error) {
	if r.dir, err = os.MkdirTemp("", "ctop-bench-"); err != nil {
		return err
	}
	keys := hub.Dir(filepath.Join(r.dir, "hub"))
	for i := range r.halves {
		h := &pairHalf{rig: rigs[i], ports: ports[i], name: hostName(i + 1), metrics: fmt.Sprintf("127.0.0.1:%d", 9471+i)}
		if err := keys.AddPaired(h.name, "gate", filepath.Join(r.dir, h.name), time.Now()); err != nil {
			return err
		}
		r.halves[i] = h
	}
	return nil
}

func (r *pairRun) startHub(ctx context.Context) error {
	r.hub = lab.Command(ctx, ctopBinary, "hub", "--listen", fleetAddress, "--state", filepath.Join(r.dir, "hub"))
	return r.hub.Start()
}

// startHalf starts a half, and waits until it answers.
func (r *pairRun) startHalf(ctx context.Context, h *pairHalf) error {
	if err := r.beginHalf(ctx, h); err != nil {
		return err
	}
	return h.until(ctx, "serves", func(m map[string]float64) bool { return len(m) > 0 })
}

// beginHalf starts a half.
func (r *pairRun) beginHalf(ctx context.Context, h *pairHalf) error {
	args := []string{
		"serve", "--mode", "native", "--policy", "enforce", "--max-flows", strconv.Itoa(pairTable),
		"--fleet", fleetAddress, "--creds", filepath.Join(r.dir, h.name), "--metrics", h.metrics,
	}
	if !h.alone {
		args = append(args, "--pair", "gate")
	}
	h.cmd = lab.Command(ctx, ctopBinary, append(args, h.ports[0], h.ports[1])...)
	h.cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(r.dir, "state-"+h.name))
	return h.cmd.Start()
}

func (h *pairHalf) kill() {
	if h.cmd != nil && h.cmd.Process != nil {
		_ = h.cmd.Process.Kill()
		_ = h.cmd.Wait()
	}
}

func (r *pairRun) close() error {
	for _, h := range r.halves {
		if h != nil {
			h.kill()
		}
	}
	for _, end := range r.ends {
		end()
	}
	if r.hub != nil && r.hub.Process != nil {
		_ = r.hub.Process.Kill()
		_ = r.hub.Wait()
	}
	return os.RemoveAll(r.dir)
}

func (r *pairRun) row(what, unit, note string, samples ...float64) {
	row := Row{Name: what, Unit: unit, Note: note, Samples: samples}
	row.summarise()
	r.rows = append(r.rows, row)
}

// read returns a half's metrics, none while it does not serve them.
func (h *pairHalf) read() map[string]float64 { return scrape.Metrics(h.metrics) }

// until waits until a half's metrics are as they should.
func (h *pairHalf) until(ctx context.Context, what string, holds func(map[string]float64) bool) error {
	return h.await(ctx, what, func() (bool, any) {
		m := h.read()
		return holds(m), m
	})
}

// untilHealthy waits until a half says at /healthz that it is in sync. Who reads the metrics has
// it take snapshots meanwhile.
func (h *pairHalf) untilHealthy(ctx context.Context) error {
	return h.await(ctx, "is in sync", func() (bool, any) {
		status, text, err := scrape.Page(h.metrics, "/healthz")
		return status == http.StatusOK, fmt.Sprintf("%q, error %v", text, err)
	})
}

// await looks until something holds. look also returns what it saw.
func (h *pairHalf) await(ctx context.Context, what string, look func() (holds bool, seen any)) error {
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		holds, seen := look()
		if holds {
			return nil
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return fmt.Errorf("%s: it never %s: %v", h.name, what, seen)
		}
	}
}

func isSynced(m map[string]float64) bool { return m["pair_synced"] == 1 }

// fresh lets a tracker without flows meet one with a million.
func (r *pairRun) fresh(ctx context.Context, _ Options) error {
	a, b := r.halves[0], r.halves[1]
	if err := r.startHalf(ctx, a); err != nil {
		return err
	}
	if err := a.fill(dataFrame(), pairFlows); err != nil {
		return err
	}
	time.Sleep(costRest)
	began, before := time.Now(), spentBy(a.cmd.Process.Pid)
	if err := r.beginHalf(ctx, b); err != nil {
		return err
	}
	if err := b.untilHealthy(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	spent := [2]float64{(spentBy(a.cmd.Process.Pid) - before).Seconds(), spentBy(b.cmd.Process.Pid).Seconds()}
	if n := b.read()["pair_entered_flows_total"]; n < pairFlows {
		return fmt.Errorf("%.0f flows were entered, not %d", n, pairFlows)
	}
	r.row("a fresh partner of "+manyFlows+" is in sync", "s", "from its start, at most 10", took.Seconds())
	r.row("processor time for that, of who tells", "s", "", spent[0])
	r.row("processor time for that, of the fresh one", "s", "with its start", spent[1])
	return a.until(ctx, "is in sync", isSynced)
}

// spend measures the processor time of both halves for a while, in percent of a core.
func (r *pairRun) spend(d time.Duration) (shares [2]float64) {
	var before [2]time.Duration
	began := time.Now()
	for i, h := range r.halves {
		before[i] = h.spent()
	}
	time.Sleep(d)
	for i, h := range r.halves {
		shares[i] = 100 * float64(h.spent()-before[i]) / float64(time.Since(began))
	}
	return shares
}

// spent is the processor time of a half, 0 before it was started.
func (h *pairHalf) spent() time.Duration {
	if h.cmd == nil {
		return 0
	}
	return spentBy(h.cmd.Process.Pid)
}
