package main

import (
	"cmp"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ctop/tracker"
	"ctop/ui"
)

const rootIntro = `ctop tracks the connections of a network interface, or those that pass between two.

One interface is watched: its packets, in both directions, go on as they would without
ctop. Between two interfaces ctop is a wire: in the kernel it forwards the packets that
arrive at one to the other. It shows every flow with its state, time to live and rates,
live in the terminal or as data for scripts.`

const rootExample = `  ctop eth0                       the connections of this machine at eth0
  ctop eth0 eth1                  a wire between two interfaces
  ctop                            the console of the running tracker
  ctop --dump -o json eth0 eth1   attach, watch for three seconds, print JSON
  ctop --dump                     the current flows of the running tracker
  ctop --trace dport:443 eth0 eth1  each packet with its verdict
  ctop demo                       try it in a private lab`

// rootCommand is ctop without a subcommand: the console, the dump or the trace.
type rootCommand struct {
	env     env
	tracker trackerFlags
	view    viewFlags
	look    consoleFlags
	audit   auditFlag
	alerts  alertFlags
	news    firstSeenFlags
	watch   durationValue
	repeat  repeatFlags
	trace   filterValue
	dump    bool
	verbose bool
}

func newRootCommand(e env) *cobra.Command {
	c := &rootCommand{env: e, watch: defaultWatch}
	cmd := &cobra.Command{
		Use:               "ctop [flags] [IF1 [IF2]]",
		Short:             "top for connections",
		Long:              rootIntro + "\n\n" + exitText,
		Example:           rootExample,
		Version:           versionText(),
		Args:              cobra.ArbitraryArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		ValidArgsFunction: completeInterfaces,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := applySettings(cmd, e.getenv); err != nil {
				return err
			}
			useSick(cmd)
			return errors.Join(useNames(cmd.Context(), cmd), useGeo(cmd))
		},
		RunE: c.run,
	}
	cmd.SetIn(e.stdin)
	cmd.SetOut(e.stdout)
	cmd.SetErr(e.stderr)
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagError(cmd, err, e.args) })
	cmd.SetVersionTemplate("{{.Version}}")
	cmd.SuggestionsMinimumDistance = 2
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&c.dump, "dump", false, "print one snapshot instead of opening the console")
	flags.Var(&c.watch, "for", "with --dump, if no tracker runs: how long to watch")
	flags.Var(&c.trace, "trace", "print a line for each packet of the matching flows, \"\" for all, instead of opening the console")
	c.repeat.register(flags)
	c.view.register(flags)
	registerSick(flags)
	registerNames(flags)
	registerGeo(flags)
	c.tracker.register(flags)
	c.tracker.registerKeep(flags)
	c.look.register(flags, true)
	c.audit.register(flags)
	c.alerts.register(flags)
	c.news.register(flags)
	cmd.PersistentFlags().BoolVarP(&c.verbose, "verbose", "v", false, "log to stderr what ctop does")
	cmd.AddCommand(
		newDemoCommand(e, &c.verbose), newServeCommand(e, &c.verbose), newEventsCommand(e, &c.verbose),
		newDeleteCommand(e, &c.verbose), newResetCommand(e, &c.verbose), newTimeoutsCommand(e, &c.verbose), newDownCommand(),
		newRecordCommand(e, &c.verbose), newCaptureCommand(e, &c.verbose), newReplayCommand(e, &c.verbose), newDiffCommand(e),
		newBundleCommand(e, &c.verbose), newHubCommand(e, &c.verbose), newFleetCommand(e),
		newVersionCommand(), newCompletionCommand(),
	)
	cmd.AddCommand(newManCommand(), newDemoPartCommand(), newFilterTopic(), newConfigTopic(everyCommand(cmd)))
	completeFlags(cmd)
	cmd.SetHelpCommand(newHelpCommand())
	return cmd
}

// linesInterval is the time between two tables on a terminal that has no console.
const linesInterval = durationValue(5 * time.Second)

func (c *rootCommand) run(cmd *cobra.Command, args []string) error {
	if err := cmp.Or(c.look.checkNames(cmd), c.checkCommand(cmd, args)); err != nil {
		return err
	}
	if cmd.Flags().Changed("trace") {
		return c.runTrace(cmd, args)
	}
	if !c.dump && c.env.printsLines() {
		c.dump = true
		if !c.repeat.wanted() {
			c.repeat.interval = linesInterval
		}
		c.env.note("TERM is dumb: lines instead of a console, every %s until interrupted", c.repeat.interval.duration())
	}
	if c.dump {
		return c.runDump(cmd, args)
	}
	if err := dumpOnly(cmd); err != nil {
		return err
	}
	if err := errors.Join(c.alerts.check(), c.news.check()); err != nil {
		return err
	}
	open, attaches, err := c.opener(cmd, args)
	if err != nil {
		return err
	}
	if err := c.env.checkTerminal(); err != nil {
		return err
	}
	c.look.begin(cmd, &c.view)
	audit, err := c.audit.open()
	if err != nil {
		return err
	}
	if audit != nil {
		defer audit.Close()
	}
	s, kept, interfaces := newSession(c.env, c.verbose).askedBy(cmd), c.tracker.keep && attaches, ""
	s.names = c.look.names
	err = s.with(open(s), func(t *tracker.Tracker) error {
		interfaces = strings.Join(t.Named(), " ")
		defer func() { kept = kept || t.Kept() }()
		quiet := slog.New(slog.DiscardHandler) // the console shows what they say
		s.alerts, s.news = c.alerts.watch(quiet), c.news.watch(c.env.getenv, t.Named(), quiet)
		return s.runConsole(cmd.Context(), t, c.look, audit, ui.WithEnding(t), ui.WithRole(localRole(t)))
	})
	if err == nil && kept {
		c.env.note("left running: ctop down %s detaches it", interfaces)
	}
	return err
}

// localRole says in whose console the operator is: that of who attached the tracker, or
// of one that was running.
func localRole(t *tracker.Tracker) string {
	if t.Joined() {
		return "joined"
	}
	return "owner"
}

// opener returns the function that opens the console's tracker: the running one if there
// is one to join, else one that it attaches.
func (c *rootCommand) opener(cmd *cobra.Command, args []string) (open func(session) func() (*tracker.Tracker, error), attaches bool, err error) {
	ctx := cmd.Context()
	names, err := c.running(args)
	if names != nil || err != nil {
		return func(s session) func() (*tracker.Tracker, error) { return s.share(ctx, names) }, false, err
	}
	interfaces, err := form("ctop").place(args, c.tracker.watch)
	if err == nil {
		err = checkInterfaces(interfaces)
	}
	return func(s session) func() (*tracker.Tracker, error) {
		return s.open(ctx, c.tracker.options(c.env, interfaces))
	}, true, err
}

// running returns the interfaces of the running tracker to join: the only one, or the one
// that has the named interface. It returns none if a tracker is to be attached.
func (c *rootCommand) running(args []string) ([]string, error) {
	if len(args) == 1 && isInterface(args[0]) {
		names, err := trackerOf(interfaceName(args[0]))
		if errors.Is(err, tracker.ErrPermission) {
			return nil, nil // attaching says it better
		}
		return names, err
	}
	if len(args) == 1 {
		return trackerOf(args[0])
	}
	if len(args) > 0 || c.tracker.watch {
		return nil, nil
	}
	return onlyOne(tracker.Running())
}

// onlyOne returns the interfaces of the tracker that runs, if it is one.
func onlyOne(running [][]string, err error) ([]string, error) {
	switch {
	case len(running) == 1:
		return running[0], nil
	case len(running) > 1:
		return nil, usagef("more than one tracker runs: name one of its interfaces, as in ctop %s", running[0][0])
	case err != nil && !errors.Is(err, tracker.ErrPermission):
		return nil, err
	}
	return nil, usagef("name an interface to watch, as in ctop eth0, or two to stand between, as in ctop eth0 eth1, or try it without any: ctop demo")
}

// checkCommand refuses a word that is neither a command nor an interface, and
// suggests a similar command.
func (c *rootCommand) checkCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 || isInterface(args[0]) {
		return nil
	}
	if words := readArguments(args).words; cmd.Flags().Changed("filter") && rootForm(c.dump).isFilter(words) {
		return usagef("quote a filter of several words, as in --filter '%s %s'", c.view.filter.String(), strings.Join(words, " "))
	}
	if err := rootForm(c.dump).checkForeign(args, c.tracker.watch); err != nil {
		return err
	}
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		return usagef("no command and no interface is called %q: write ctop %s, or ctop help to list them", args[0], like[0])
	}
	if len(args) == 1 {
		return usagef("no command and no interface is called %q: ctop help lists the commands, ip link the interfaces", args[0])
	}
	return nil
}

func (c *rootCommand) runDump(cmd *cobra.Command, args []string) error {
	names, err := rootForm(c.dump).placeOrNone(args, c.tracker.watch)
	if err != nil {
		return err
	}
	if err := errors.Join(c.repeat.check(cmd), c.view.checkDump(cmd, &c.look, &c.repeat)); err != nil {
		return err
	}
	if err := c.env.checkStdout(); err != nil {
		return err
	}
	ctx := cmd.Context()
	s := newSession(c.env, c.verbose).askedBy(cmd)
	s.names = c.look.names
	return s.with(s.joinOrOpen(ctx, "ctop --dump", names, &c.tracker), func(t *tracker.Tracker) error {
		return s.dump(ctx, t, &c.view, &c.repeat, c.watch.duration())
	})
}
