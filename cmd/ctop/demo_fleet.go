package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"ctop/internal/fleet"
	"ctop/internal/fleet/agent"
	"ctop/internal/fleet/client"
	"ctop/internal/fleet/hub"
	"ctop/internal/fleet/link"
	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/ui"
)

// The number of labs of a fleet, unless told otherwise, and at most.
const (
	defaultLabs = 3
	mostLabs    = 16
)

// demoFleet is a hub and labs, each with a tracker of its own.
type demoFleet struct {
	*demoCommand
	dir string
	url string
	// ends undoes what was done, the last first.
	ends []func() error
}

// showFleet shows several labs as a fleet.
func (c *demoCommand) showFleet(ctx context.Context, headless bool) (err error) {
	d, err := c.newFleet()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.end()) }()
	var hosts []*fleet.Credentials
	for i := range c.labs {
		host, err := d.key(fleet.RoleHost, "lab-"+strconv.Itoa(i+1))
		if err != nil {
			return err
		}
		hosts = append(hosts, host)
	}
	you, err := d.key(fleet.RoleOperator, "you")
	if err != nil {
		return err
	}
	if err := d.startHub(ctx); err != nil {
		return err
	}
	for i, host := range hosts {
		if err := d.startHost(ctx, i, host); err != nil {
			return err
		}
	}
	return d.showAll(ctx, you, headless)
}

// newFleet returns a fleet of nobody, with a directory that nobody else sees.
func (c *demoCommand) newFleet() (*demoFleet, error) {
	dir, closing, err := lab.PrivateDir()
	if err != nil {
		return nil, err
	}
	return &demoFleet{demoCommand: c, dir: dir, ends: []func() error{closing}}, nil
}

// end ends all parts.
func (d *demoFleet) end() (err error) {
	for _, end := range slices.Backward(d.ends) {
		err = errors.Join(err, end())
	}
	return err
}

func (d *demoFleet) key(role fleet.Role, name string) (*fleet.Credentials, error) {
	path := filepath.Join(d.dir, name+".creds")
	if err := hub.Dir(filepath.Join(d.dir, "hub")).Add(role, name, path, time.Now()); err != nil {
		return nil, err
	}
	return fleet.ReadCredentials(path)
}

// started runs a part until the demo ends.
func (d *demoFleet) started(ctx context.Context, run func(context.Context) error) <-chan error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	d.ends = append(d.ends, func() error {
		cancel()
		return <-done
	})
	return done
}

func (d *demoFleet) startHub(ctx context.Context) error {
	ready := make(chan string, 1)
	failed := make(chan error, 1)
	d.started(ctx, func(ctx context.Context) error {
		err := hub.Run(ctx, hub.Options{
			Dir: hub.Dir(filepath.Join(d.dir, "hub")), Address: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
			Ready: func(url string) { ready <- url },
		})
		failed <- err
		return nil
	})
	select {
	case d.url = <-ready:
		return nil
	case err := <-failed:
		return err
	}
}

// startHost builds a lab, and a tracker in it that joins the fleet.
func (d *demoFleet) startHost(ctx context.Context, i int, host *fleet.Credentials) error {
	l, err := lab.New(ctx, fleetLab(i))
	if err != nil {
		return err
	}
	d.ends = append(d.ends, l.Close)
	if _, err := d.startTracker(ctx, host, l.Client.Port(), l.Server.Port()); err != nil {
		return err
	}
	d.ends = append(d.ends, startTraffic(ctx, l, 0))
	return nil
}

// startTracker begins a tracker in a wire, which joins the fleet.
func (d *demoFleet) startTracker(ctx context.Context, host *fleet.Credentials, interfaces ...string) (*tracker.Tracker, error) {
	o := d.tracker.options(d.env, interfaces)
	o.Log = slog.New(slog.DiscardHandler)
	t, err := tracker.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	d.ends = append(d.ends, t.Close)
	c := tracker.NewCollector(t, tracker.CollectorOptions{})
	running := startCollector(context.WithoutCancel(ctx), c)
	d.ends = append(d.ends, func() error {
		running.stop()
		return running.err
	})
	journal, err := agent.OpenJournal(filepath.Join(d.dir, host.Name+".jsonl"), host.Name, time.Now())
	if err != nil {
		return nil, err
	}
	d.ends = append(d.ends, journal.Close)
	a, err := agent.New(agent.Options{
		Source: c, Events: c.Events, Actor: c, Journal: journal, Version: shortVersion(), Link: link.Options{URL: d.url, Credentials: host},
	})
	if err != nil {
		return nil, err
	}
	d.started(ctx, a.Run)
	return t, nil
}

// fleetLab has names and addresses of its own.
func fleetLab(i int) lab.Options {
	at := func(host int) string { return fmt.Sprintf("10.0.%d.%d/24", i, host) }
	at6 := func(host int) string { return fmt.Sprintf("fd00:%x::%d/64", i, host) }
	n := strconv.Itoa(i + 1)
	return lab.Options{
		Client: lab.HostOptions{Name: "client" + n, Port: "veth" + n + "a", Addrs: prefixes(at(1), at(7), at6(1))},
		Server: lab.HostOptions{Name: "server" + n, Port: "veth" + n + "b", Addrs: prefixes(at(2), at6(2))},
	}
}

// showAll shows the fleet once all hosts have joined it. A key may be added to its console.
func (d *demoFleet) showAll(ctx context.Context, you *fleet.Credentials, headless bool, more ...ui.Option) error {
	c, err := client.Connect(link.Options{URL: d.url, Credentials: you})
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		hosts, err := c.Hosts(ctx)
		if err != nil || len(hosts) >= d.hosts() {
			break // the console says what is wrong
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(50 * time.Millisecond):
		}
	}
	if !headless {
		return d.env.fleetConsole(ctx, c, d.look, more...)
	}
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(d.watch.duration()):
	}
	return d.env.dumpFleet(ctx, c, &d.view)
}

// hosts returns how many hosts the fleet has.
func (d *demoFleet) hosts() int {
	if d.pair {
		return 2
	}
	return d.labs
}

// labsOf returns the number of labs on the command line.
func labsOf(args []string) (int, error) {
	if len(args) == 0 {
		return defaultLabs, nil
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 1 || n > mostLabs || len(args) > 1 {
		return 0, usagef("%q is not a number of labs: use one from 1 to %d, as in ctop demo --fleet 3", strings.Join(args, " "), mostLabs)
	}
	return n, nil
}
