package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/ui"
)

// newDemoPartCommand plays a part of the machine that ctop demo --watch shows. Demo
// starts it, as a process of its own.
func newDemoPartCommand() *cobra.Command {
	return &cobra.Command{
		Use: lab.PlayArgument + " PART", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return lab.Play(cmd.Context(), args[0]) },
	}
}

// showMachine watches a machine that has something to do.
func (c *demoCommand) showMachine(ctx context.Context, headless bool) (err error) {
	m, err := lab.NewMachine(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	s := c.session()
	if !m.Translates {
		c.env.note("nft is missing: the machine does not translate addresses")
	}
	return s.with(s.open(ctx, c.tracker.options(c.env, m.Interfaces())), func(t *tracker.Tracker) error {
		stop, err := m.Start(ctx)
		if err != nil {
			return err
		}
		defer stop()
		if headless {
			return s.dump(ctx, t, &c.view, &c.repeat, c.watch.duration())
		}
		return s.runConsole(ctx, t, c.look, nil, ui.WithRole(localRole(t)))
	})
}
