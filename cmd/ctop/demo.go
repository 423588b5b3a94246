package main

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
	"ctop/ui"
)

// defaultDemo is the duration of a demo without a console: enough for every kind of
// traffic.
const defaultDemo = durationValue(5 * time.Second)

// demoCommand runs the tracker in a lab of its own.
type demoCommand struct {
	env     env
	tracker trackerFlags
	view    viewFlags
	look    consoleFlags
	alerts  alertFlags
	news    firstSeenFlags
	watch   durationValue
	repeat  repeatFlags
	dump    bool
	// many shows a fleet of so many labs.
	many bool
	labs int
	// pair shows two trackers that tell each other their flows.
	pair    bool
	verbose *bool
}

func newDemoCommand(e env, verbose *bool) *cobra.Command {
	c := &demoCommand{env: e, watch: defaultDemo, verbose: verbose}
	cmd := &cobra.Command{
		Use:   "demo [flags] [N]",
		Short: "Try ctop in a private lab",
		Long: `Build a lab of two network namespaces with real TCP and UDP traffic between them,
attach the tracker in the middle and open the console. Without a terminal, or with
--dump, print the flows instead.

With --watch, the lab is a small server instead, which ctop watches: a web server,
a database, a job that makes backups, and a container, whose addresses the server
translates (if nft is there). Each is a process of its own.

With --fleet, there are three labs, or N, each with a tracker of its own, and a hub, and the
console is that of the fleet.

With --pair, there are two wires between the same two hosts, each with a tracker of its
own, and both tell each other all flows. The policy is enforce, and o moves the traffic to
the other wire and back: no connection ends by it. The console shows both.

The lab is invisible from outside and is removed when ctop ends, however it ends. The
console begins in the default order, unit and columns. It has your alerts and saved views,
and saves nothing.`,
		RunE: c.run,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&c.tracker.watch, "watch", false, "watch a small server instead of standing between two hosts")
	flags.BoolVar(&c.many, "fleet", false, "show a fleet of several labs, N or three")
	flags.Lookup("fleet").Annotations = map[string][]string{onTheLine: {}}
	flags.BoolVar(&c.pair, "pair", false, "show two wires whose trackers know each other's flows")
	flags.Lookup("pair").Annotations = map[string][]string{onTheLine: {}}
	flags.BoolVar(&c.dump, "dump", false, "print one snapshot instead of opening the console")
	flags.Var(&c.watch, "for", "with --dump: how long to watch")
	c.repeat.register(flags)
	c.view.register(flags)
	registerSick(flags)
	registerNames(flags)
	registerGeo(flags)
	c.tracker.registerPrivate(flags)
	c.look.register(flags, true)
	c.alerts.register(flags)
	c.news.registerOnce(flags)
	return cmd
}

func (c *demoCommand) run(cmd *cobra.Command, args []string) (err error) {
	if !c.many {
		if err := noArguments(cmd, args); err != nil {
			return err
		}
	} else if c.labs, err = labsOf(args); err != nil {
		return err
	}
	headless := c.dump || !c.env.interactive()
	if err := c.check(cmd, headless); err != nil {
		return err
	}
	if c.pair && !cmd.Flags().Changed("policy") {
		c.tracker.policy = policyValue(flow.PolicyEnforce)
	}
	if err := isolate(); err != nil {
		return err
	}
	if !headless && isTerminal(c.env.stderr) { // on a busy machine it takes seconds
		c.env.note("making networks, hosts and traffic to show")
	}
	ctx := cmd.Context()
	if c.many {
		return c.showFleet(ctx, headless)
	}
	if c.pair {
		return c.showPair(ctx, headless)
	}
	if c.tracker.watch {
		return c.showMachine(ctx, headless)
	}
	l, err := lab.New(ctx, demoLab())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return c.show(ctx, l, headless)
}

// check refuses contradictory flags before the lab is made.
func (c *demoCommand) check(cmd *cobra.Command, headless bool) error {
	if c.many && c.tracker.watch {
		return usagef("--fleet and --watch exclude each other: use only one of them")
	}
	if c.pair && (c.many || c.tracker.watch) {
		return usagef("--pair excludes --fleet and --watch: use only one of them")
	}
	if (c.many || c.pair) && c.repeat.wanted() {
		return usagef("--interval works without --fleet and --pair only: the console of a fleet is live")
	}
	if c.many {
		if err := errors.Join(c.look.names.checkShown(cmd, fleetNames), c.look.checkFleet(cmd, headless)); err != nil {
			return err
		}
	}
	if err := c.look.checkNames(cmd); err != nil {
		return err
	}
	if headless {
		return errors.Join(c.repeat.check(cmd), c.view.checkDump(cmd, &c.look, &c.repeat), c.env.checkStdout())
	}
	if err := errors.Join(dumpOnly(cmd), c.alerts.check()); err != nil {
		return err
	}
	c.look.begin(cmd, &c.view)
	c.look.forget = true
	return c.env.checkTerminal()
}

// isolate moves the process into namespaces of its own. Its error says what to do.
func isolate() error {
	err := lab.Isolate()
	if errors.Is(err, lab.ErrPrivilege) {
		return flow.Advisedf("build the lab: %w: run it as root, as in sudo ctop demo", err)
	}
	return err
}

// session returns the session of a lab, whose console has the operator's alerts.
func (c *demoCommand) session() session {
	s := newSession(c.env, *c.verbose)
	s.lab, s.names = true, c.look.names
	quiet := slog.New(slog.DiscardHandler) // the console shows what they say
	s.alerts, s.news = c.alerts.watch(quiet), c.news.watch(c.env.getenv, nil, quiet)
	return s
}

func (c *demoCommand) show(ctx context.Context, l *lab.Lab, headless bool) error {
	interfaces := []string{l.Client.Port(), l.Server.Port()}
	s := c.session()
	return s.with(s.open(ctx, c.tracker.options(c.env, interfaces)), func(t *tracker.Tracker) (err error) {
		after := opening
		if headless {
			after = 0
		}
		stop := startTraffic(ctx, l, after)
		defer func() { err = errors.Join(err, stop()) }()
		if headless {
			return s.dump(ctx, t, &c.view, &c.repeat, c.watch.duration())
		}
		return s.runConsole(ctx, t, c.look, nil, ui.WithRole(localRole(t)))
	})
}

// demoLab has several client addresses, so that there is something to sort and to
// filter.
func demoLab() lab.Options {
	return lab.Options{
		Client: lab.HostOptions{Addrs: prefixes("10.0.0.1/24", "10.0.0.7/24", "10.0.0.9/24", "fd00::1/64", "fd00::7/64")},
		Server: lab.HostOptions{Addrs: prefixes("10.0.0.2/24", "fd00::2/64")},
	}
}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// opening is how long the console takes to open and to listen, so that it sees every
// flow begin.
const opening = 500 * time.Millisecond

// startTraffic makes the hosts of the lab exchange traffic until it is stopped.
func startTraffic(ctx context.Context, l *lab.Lab, after time.Duration) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		select {
		case <-ctx.Done():
			done <- nil
		case <-time.After(after):
			done <- lab.Traffic(ctx, l, lab.TrafficOptions{})
		}
	}()
	return func() error {
		cancel()
		return <-done
	}
}
