package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"ctop/internal/fleet"
	"ctop/internal/fleet/hub"
	"ctop/internal/fleet/standby"
	"ctop/internal/lab"
	"ctop/tracker/flow"
	"ctop/ui"
)

// pairName is the name of the pair of a demo.
const pairName = "gate"

// demoPair is two wires between the same hosts, whose trackers tell each other their flows.
type demoPair struct {
	*demoFleet
	wires  *lab.Wires
	halves []*standby.Half

	mu sync.Mutex
	// wire is the one that packets take.
	wire int
}

// showPair shows a pair.
func (c *demoCommand) showPair(ctx context.Context, headless bool) (err error) {
	f, err := c.newFleet()
	if err != nil {
		return err
	}
	d := &demoPair{demoFleet: f}
	defer func() { err = errors.Join(err, d.end()) }()
	you, err := d.key(fleet.RoleOperator, "you")
	if err != nil {
		return err
	}
	var hosts []*fleet.Credentials
	for _, name := range [...]string{"gate-1", "gate-2"} {
		host, err := d.pairedKey(name)
		if err != nil {
			return err
		}
		hosts = append(hosts, host)
	}
	if err := d.startHub(ctx); err != nil {
		return err
	}
	l, err := lab.New(ctx, demoLab())
	if err != nil {
		return err
	}
	d.ends = append(d.ends, l.Close)
	if d.wires, err = l.SecondWire("veth3", "veth4"); err != nil {
		return err
	}
	for i, ports := range [...][2]string{{l.Client.Port(), l.Server.Port()}, {"veth3", "veth4"}} {
		if err := d.startHalf(ctx, hosts[i], ports); err != nil {
			return err
		}
	}
	if err := d.synced(ctx); err != nil {
		return err
	}
	d.ends = append(d.ends, startTraffic(ctx, l, 0))
	if headless {
		return d.moveOnce(ctx, you)
	}
	return d.showAll(ctx, you, false, ui.WithExtra(ui.Extra{Key: "o", Does: "the other wire", Do: d.move}))
}

func (d *demoPair) pairedKey(name string) (*fleet.Credentials, error) {
	path := filepath.Join(d.dir, name+".creds")
	if err := hub.Dir(filepath.Join(d.dir, "hub")).AddPaired(name, pairName, path, time.Now()); err != nil {
		return nil, err
	}
	return fleet.ReadCredentials(path)
}

// startHalf begins a tracker in a wire, and one half of the pair.
func (d *demoPair) startHalf(ctx context.Context, host *fleet.Credentials, ports [2]string) error {
	t, err := d.startTracker(ctx, host, ports[0], ports[1])
	if err != nil {
		return err
	}
	flags := pairFlags{name: pairName}
	half, err := flags.half(t, &fleetFlags{url: d.url, known: host}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	d.halves = append(d.halves, half)
	d.started(ctx, half.Run)
	return nil
}

// synced waits until both know each other's flows.
func (d *demoPair) synced(ctx context.Context) error {
	for _, h := range d.halves {
		for {
			s := h.Status()
			if s.Pair().State == flow.PairInSync {
				break
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

// move sends all packets by the other wire.
func (d *demoPair) move() (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	to := 1 - d.wire
	if err := d.wires.Use(to, to); err != nil {
		return "", err
	}
	d.wire = to
	return "the traffic goes by the wire of gate-" + string(rune('1'+to)) + " now", nil
}

// moveOnce moves the traffic in the middle of the time, and prints what both know.
func (d *demoPair) moveOnce(ctx context.Context, you *fleet.Credentials) error {
	half := d.watch.duration() / 2
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(half):
	}
	if _, err := d.move(); err != nil {
		return err
	}
	d.watch = durationValue(half)
	return d.showAll(ctx, you, true)
}
