package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ctop/cmd/ctop/output"
	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui"
	"ctop/ui/console"
)

// remote is a headless command that came over SSH. It acts on the source of its
// session, which refuses what the operator may not do.
type remote struct {
	env    env
	reader ui.Reader
	actor  flow.Actor
	role   console.Role
	dumps  *dumps
	// end ends the session for a reason.
	end func(why error)
}

// command is the allow-list of headless commands.
func (d *dumps) command(ctx context.Context, c console.Command) int {
	c.Stderr = cleaned{c.Stderr}
	r := remote{reader: c.Reader, actor: c.Actor, role: c.Role, dumps: d, end: c.End, env: env{
		args: c.Args, stdin: strings.NewReader(""), stdout: c.Stdout, stderr: c.Stderr,
		getenv: func(string) string { return "" },
	}}
	return report(c.Stderr, r.run(ctx))
}

func (r remote) run(ctx context.Context) error {
	args := r.env.args
	if args[0] == "ctop" && len(args) > 1 {
		args = args[1:] // as one would have typed it there
	}
	commands := map[string]func() *cobra.Command{
		"dump": r.dump, "events": r.events, "delete": r.delete, "timeouts": r.timeouts,
	}
	command, ok := commands[args[0]]
	if !ok {
		return usagef("%q is not available here: use dump, events, delete or timeouts, or ssh -t for the console", args[0])
	}
	cmd := command()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.SetIn(r.env.stdin)
	cmd.SetOut(r.env.stdout)
	cmd.SetErr(r.env.stderr)
	cmd.SetFlagErrorFunc(flagError)
	cmd.SetArgs(append([]string{}, args[1:]...))
	return cmd.ExecuteContext(ctx)
}

// snapshot waits for the first one.
func (r remote) snapshot(ctx context.Context) (*flow.Snapshot, error) {
	for range 50 {
		if s := r.reader.Snapshot(); s != nil {
			return s, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil, errors.New("read the flows: the tracker has no snapshot yet: try again")
}

func (r remote) events() *cobra.Command {
	var (
		form   output.Format
		watch  durationValue
		wanted filterValue
	)
	cmd := &cobra.Command{
		Use: "events [flags]", Short: "Print a line for every state change of a flow", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := watch.bound(cmd.Context())
			defer cancel()
			return r.stream(ctx, form, filter.Filter(wanted))
		},
	}
	cmd.Flags().VarP(&form, "output", "o", "format of the lines (json is the same as jsonl)")
	cmd.Flags().Var(&watch, "for", "how long to print, 0s until interrupted")
	cmd.Flags().Var(&wanted, "filter", "flows to tell about")
	return cmd
}

// eventPause is how long an event may wait for others to be written with.
const eventPause = 100 * time.Millisecond

// stream prints events from now on until ctx is done.
func (r remote) stream(ctx context.Context, form output.Format, wanted filter.Filter) error {
	if _, err := io.WriteString(r.env.stdout, output.EventHeader(form)); err != nil {
		return writeFailed(err)
	}
	_, position := r.reader.Events(math.MaxUint64)
	tick := time.NewTicker(eventPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		list, next := r.reader.Events(position)
		lines := appendEvents(nil, form, wanted, list, next-position)
		position = next
		if len(lines) == 0 {
			continue
		}
		if _, err := r.env.stdout.Write(lines); err != nil {
			return writeFailed(err)
		}
	}
}

// appendEvents formats events, of which there may have been more than are still
// kept.
func appendEvents(b []byte, form output.Format, wanted filter.Filter, list []flow.Event, all uint64) []byte {
	if lost := all - uint64(len(list)); lost > 0 {
		e := flow.Event{Type: flow.EventLost, Lost: lost}
		if len(list) > 0 {
			e.Time = list[0].Time
		}
		b = output.AppendEvent(b, form, &e)
	}
	for i := range list {
		e := &list[i]
		if tells(wanted, e) {
			b = output.AppendEvent(b, form, e)
		}
	}
	return b
}

func (r remote) delete() *cobra.Command {
	var which deleteFlags
	cmd := &cobra.Command{
		Use: "delete [flags] FILTER", Short: "Delete the flows that match a filter",
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, err := which.wanted(args)
			if err != nil {
				return err
			}
			s, err := r.snapshot(cmd.Context())
			if err != nil {
				return err
			}
			rows, err := which.choose(s, wanted)
			if err != nil {
				return err
			}
			if which.dryRun {
				return r.env.wouldDelete(s, rows)
			}
			result, err := r.actor.Act(cmd.Context(), flow.Deletion(refs(rows)...))
			if err != nil {
				return r.explain(err)
			}
			return r.env.print("deleted " + format.Plural(result.Done, "flow") + "\n")
		},
	}
	which.register(cmd.Flags())
	return cmd
}

func (r remote) timeouts() *cobra.Command {
	var form output.Format
	cmd := &cobra.Command{
		Use: "timeouts [flags] [NAME=DURATION ...]", Short: "List or change the timeouts",
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := parseSettings(args)
			if err != nil {
				return err
			}
			s, err := r.snapshot(cmd.Context())
			if err != nil {
				return err
			}
			if len(settings) == 0 {
				return writeFailed(output.WriteTimeouts(r.env.stdout, form, s.Timeouts))
			}
			return r.set(cmd.Context(), form, settings, s.Timeouts)
		},
	}
	cmd.Flags().VarP(&form, "output", "o", "format of the list")
	return cmd
}

func (r remote) set(ctx context.Context, form output.Format, settings []setting, old flow.Timeouts) error {
	for _, s := range settings {
		if _, err := r.actor.Act(ctx, flow.TimeoutChange(s.name, s.value)); err != nil {
			return r.explain(err)
		}
		if err := r.env.printTimeout(form, s, old); err != nil {
			return err
		}
	}
	return r.env.printTimeouts(form, settings, old)
}

// explain says what a viewer lacks.
func (r remote) explain(err error) error {
	if r.role == console.Operator {
		return err
	}
	return fmt.Errorf("%w: add role=\"operator\" before the key in the server's keys file to let it act", err)
}
