package main

import (
	"github.com/spf13/cobra"

	"ctop/tracker"
	"ctop/ui"
)

const rootIntro = `ctop tracks the connections that pass between two network interfaces.

It stands between them in the kernel, forwards what comes in at one out at the
other, and shows every flow with its state, countdown and rates, live in the
terminal or as data for scripts.`

const rootExample = `  ctop eth0 eth1                  the console
  ctop --dump -o json eth0 eth1   what passes in three seconds, as JSON
  ctop --dump                     what the tracker that runs has now
  ctop --trace dport:443 eth0 eth1  each packet, and what is made of it
  ctop demo                       all of it in a laboratory of its own`

// rootCommand is ctop without a subcommand: the console, or the dump.
type rootCommand struct {
	env     env
	tracker trackerFlags
	view    viewFlags
	look    consoleFlags
	audit   auditFlag
	watch   durationValue
	repeat  repeatFlags
	trace   filterValue
	dump    bool
	verbose bool
}

func newRootCommand(e env) *cobra.Command {
	c := &rootCommand{env: e, watch: defaultWatch}
	cmd := &cobra.Command{
		Use:               "ctop [flags] IF1 IF2",
		Short:             "top for connections",
		Long:              rootIntro + "\n\n" + exitText,
		Example:           rootExample,
		Args:              cobra.ArbitraryArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		ValidArgsFunction: completeInterfaces,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return applySettings(cmd, e.getenv)
		},
		RunE: c.run,
	}
	cmd.SetIn(e.stdin)
	cmd.SetOut(e.stdout)
	cmd.SetErr(e.stderr)
	cmd.SetFlagErrorFunc(flagError)
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&c.dump, "dump", false, "print one snapshot instead of opening the console")
	flags.Var(&c.watch, "for", "with --dump and no tracker running: how long to watch")
	flags.Var(&c.trace, "trace", "print a line for each packet of the flows that match, \"\" for all, instead of opening the console")
	c.repeat.register(flags)
	c.view.register(flags)
	c.tracker.register(flags)
	c.tracker.registerKeep(flags)
	c.look.register(flags)
	c.audit.register(flags)
	cmd.PersistentFlags().BoolVarP(&c.verbose, "verbose", "v", false, "tell on stderr what is being done")
	cmd.AddCommand(
		newDemoCommand(e, &c.verbose), newServeCommand(e, &c.verbose), newEventsCommand(e, &c.verbose),
		newDeleteCommand(e, &c.verbose), newTimeoutsCommand(e, &c.verbose), newDownCommand(),
		newRecordCommand(e, &c.verbose), newReplayCommand(e, &c.verbose),
		newVersionCommand(), newCompletionCommand(),
	)
	cmd.AddCommand(newManCommand(), newFilterTopic(), newConfigTopic(append(cmd.Commands(), cmd)))
	completeFlags(cmd)
	cmd.SetHelpCommand(newHelpCommand())
	return cmd
}

func (c *rootCommand) run(cmd *cobra.Command, args []string) error {
	if cmd.Flags().Changed("trace") {
		return c.runTrace(cmd, args)
	}
	if c.dump {
		return c.runDump(cmd, args)
	}
	interfaces, err := pair(args)
	if err != nil {
		return err
	}
	if err := dumpOnly(cmd); err != nil {
		return err
	}
	if err := checkInterfaces(interfaces); err != nil {
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
	s, o := newSession(c.env, c.verbose).askedBy(cmd), c.tracker.options(c.env, interfaces)
	kept := c.tracker.keep
	err = s.with(s.open(cmd.Context(), o), func(t *tracker.Tracker) error {
		defer func() { kept = kept || t.Kept() }()
		return s.runConsole(cmd.Context(), t, c.look, audit, ui.WithEnding(t))
	})
	if err == nil && kept {
		c.env.note("left running: ctop down %s %s detaches it", interfaces[0], interfaces[1])
	}
	return err
}

func (c *rootCommand) runDump(cmd *cobra.Command, args []string) error {
	names, err := pairOrNone(args)
	if err != nil {
		return err
	}
	if err := c.repeat.check(cmd); err != nil {
		return err
	}
	if err := c.env.checkStdout(); err != nil {
		return err
	}
	ctx := cmd.Context()
	d := dump{session: newSession(c.env, c.verbose).askedBy(cmd), view: c.view, watch: c.watch.duration(), repeat: c.repeat}
	return d.with(d.joinOrOpen(ctx, names, &c.tracker), func(t *tracker.Tracker) error {
		return d.print(ctx, t)
	})
}
