package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ctop/tracker/flow"
	"ctop/ui"
	"ctop/ui/console"
)

// remote is a command that came over SSH. Its target is the tracker of the server, as
// far as the operator's role permits.
type remote struct {
	env    env
	reader ui.Reader
	actor  flow.Actor
	role   console.Role
	dumps  *dumps
	// end ends the session with a reason.
	end func(why error)
}

// command runs a command over SSH, if it is one of those allowed there.
func (d *dumps) command(ctx context.Context, c console.Command) int {
	c.Stderr = cleaned{c.Stderr}
	r := remote{reader: c.Reader, actor: c.Actor, role: c.Role, dumps: d, end: c.End, env: env{
		args: c.Args, stdin: strings.NewReader(""), stdout: c.Stdout, stderr: c.Stderr,
		getenv: func(string) string { return "" },
	}}
	if c.Stdin != nil { // viewers are refused, so they are not asked
		r.env.stdin, r.env.terminal = c.Stdin, c.Role == console.Operator
	}
	return report(c.Stderr, r.run(ctx))
}

func (r remote) run(ctx context.Context) error {
	args := r.env.args
	if args[0] == "ctop" && len(args) > 1 {
		args = args[1:] // as one would have typed it there
	}
	commands := map[string]func() *cobra.Command{
		"dump": r.dumpCommand, "events": r.eventsCommand, "delete": r.deleteCommand, "reset": r.resetCommand, "timeouts": r.timeoutsCommand,
		"bundle": r.bundleCommand, "fleet": r.fleetCommand,
	}
	command, ok := commands[args[0]]
	if !ok {
		return usagef("%q is not available here: use dump, events, delete, reset, timeouts, bundle or fleet, or ssh -t for the console", args[0])
	}
	cmd := command()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.SetIn(r.env.stdin)
	cmd.SetOut(r.env.stdout)
	cmd.SetErr(r.env.stderr)
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagError(cmd, err, args) })
	cmd.SetArgs(append([]string{}, args[1:]...))
	return cmd.ExecuteContext(ctx)
}

// open is the opener of the command.
func (r remote) open(_ context.Context, use func(target) error) error { return use(r) }

// snapshot returns the server's latest snapshot, which has rates, and waits for the
// first one.
func (r remote) snapshot(ctx context.Context, _ bool) (*flow.Snapshot, error) {
	for range 50 {
		if s, err := asked(ctx, r.reader.Snapshot); s != nil || err != nil {
			return s, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil, errors.New("read the flows: the tracker has no snapshot yet: try again")
}

// eventPause is the time between two reads of the server's events.
const eventPause = 100 * time.Millisecond

// events returns the server's events from now on. If they come faster than the client
// reads, the server keeps the latest, and an EventLost counts the others.
func (r remote) events(ctx context.Context) iter.Seq2[flow.Event, error] {
	_, position := r.reader.Events(math.MaxUint64)
	return func(yield func(flow.Event, error) bool) {
		tick := time.NewTicker(eventPause)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			list, next := r.reader.Events(position)
			for _, e := range withLost(list, next-position) {
				if !yield(e, nil) {
					return
				}
			}
			position = next
		}
	}
}

// withLost returns events after an EventLost that counts the missing ones of all, if
// any are missing.
func withLost(list []flow.Event, all uint64) []flow.Event {
	lost := all - uint64(len(list))
	if lost == 0 {
		return list
	}
	e := flow.Event{Type: flow.EventLost, Lost: lost}
	if len(list) > 0 {
		e.Time = list[0].Time
	}
	return append([]flow.Event{e}, list...)
}

// Act implements [flow.Actor]. Its error tells a viewer how to become an operator.
func (r remote) Act(ctx context.Context, act flow.Act) (flow.Outcome, error) {
	outcome, err := r.actor.Act(ctx, act)
	if err != nil && r.role != console.Operator {
		err = fmt.Errorf("%w: add role=\"operator\" before the key in the server's keys file to let it act", err)
	}
	return outcome, err
}

func (r remote) eventsCommand() *cobra.Command {
	var which eventFlags
	cmd := &cobra.Command{
		Use: "events [flags]", Short: "Print a line for every state change of a flow", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := which.check(); err != nil {
				return err
			}
			return which.print(cmd.Context(), r.env, r, nil)
		},
	}
	which.register(cmd.Flags())
	return cmd
}

func (r remote) deleteCommand() *cobra.Command {
	return r.endCommand("Delete the flows that match a filter", endFlags{kind: flow.ActDelete})
}

func (r remote) resetCommand() *cobra.Command {
	return r.endCommand("Reset the TCP connections that match a filter, at both ends", endFlags{kind: flow.ActReset})
}

func (r remote) endCommand(short string, which endFlags) *cobra.Command {
	cmd := &cobra.Command{Use: which.kind.String() + " [flags] FILTER", Short: short, RunE: which.run(r.env, r.open)}
	which.register(cmd.Flags())
	return cmd
}

func (r remote) timeoutsCommand() *cobra.Command {
	var form timeoutFlags
	cmd := &cobra.Command{
		Use: "timeouts [flags] [NAME=DURATION ...]", Short: "List or change the timeouts", RunE: form.run(r.env, r.open),
	}
	form.register(cmd.Flags())
	return cmd
}
