package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ctop/cmd/ctop/output"
	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui"
)

// deleteFlags say which flows to delete, and whether to ask.
type deleteFlags struct {
	all, yes, dryRun bool
	most             limitValue
}

func (f *deleteFlags) register(flags *pflag.FlagSet) {
	flags.BoolVar(&f.all, "all", false, "delete every flow")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print the flows that would be deleted, and delete nothing")
	flags.Var(&f.most, "max", "delete nothing if more flows than this match, 0 for no limit")
}

func newDeleteCommand(e env, verbose *bool) *cobra.Command {
	var (
		which deleteFlags
		on    onValue
		audit auditFlag
	)
	cmd := &cobra.Command{
		Use:   "delete [flags] FILTER",
		Short: "Delete the flows that match a filter",
		Long: `Delete the flows that match a filter from the running tracker, and print their
number. Under observe, the next packet picks up a deleted flow again; under
enforce, deleting cuts the connection.

On a terminal it shows the flows and asks first. A script, whose stdin is not a
terminal, is not asked. It is no error if no flow matches.`,
		Example: `  ctop delete tcp dst port 443
  ctop delete src:10.0.0.7 '!state:established'
  ctop delete --dry-run 'idle>1h'
  ctop delete --all`,
		ValidArgsFunction: completeFilter,
		RunE:              which.run(e, e.joining(&on, &audit, verbose)),
	}
	cmd.Flags().Var(&on, "on", "the tracker's interfaces, if more than one runs")
	which.register(cmd.Flags())
	audit.register(cmd.Flags())
	return cmd
}

// run returns the function that runs a delete command.
func (f *deleteFlags) run(e env, open opener) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		wanted, err := f.wanted(args)
		if err != nil {
			return err
		}
		return open(cmd.Context(), func(on target) error { return f.delete(cmd.Context(), e, on, wanted) })
	}
}

func (f *deleteFlags) delete(ctx context.Context, e env, on target, wanted filter.Filter) error {
	s, err := on.snapshot(ctx)
	if err != nil {
		return err
	}
	rows, err := f.choose(s, wanted)
	if err != nil {
		return err
	}
	if f.dryRun {
		return e.wouldDelete(s, rows)
	}
	if !f.yes && len(rows) > 0 && e.asks() {
		if err := e.confirmDelete(ctx, s, rows); err != nil {
			return err
		}
	}
	outcome, err := on.Act(ctx, flow.Deletion(refs(rows)...))
	if err != nil {
		return err
	}
	return e.print("deleted " + format.Plural(outcome.Done, "flow") + "\n")
}

// choose returns the flows to delete, oldest first. More than --max allows are an
// error.
func (f *deleteFlags) choose(s *flow.Snapshot, wanted filter.Filter) ([]*flow.Flow, error) {
	if err := wanted.Check(s); err != nil {
		return nil, usagef("filter: %w", err)
	}
	rows := order.Arrange(order.Request{Snapshot: s, Filter: wanted, By: defaultSort().by}).Rows
	if most := int(f.most); most > 0 && len(rows) > most {
		return nil, fmt.Errorf("delete: %s match, but --max allows %s: nothing was deleted: narrow the filter or raise --max",
			format.Plural(len(rows), "flow"), format.Count(most))
	}
	return rows, nil
}

func refs(rows []*flow.Flow) []flow.Ref {
	list := make([]flow.Ref, len(rows))
	for i, f := range rows {
		list[i] = f.Ref()
	}
	return list
}

// wouldDelete prints the flows instead of deleting them.
func (e env) wouldDelete(s *flow.Snapshot, rows []*flow.Flow) error {
	if err := output.WriteSnapshot(e.stdout, output.Table, output.View{Snapshot: s, Rows: rows, Joined: true}); err != nil {
		return writeFailed(err)
	}
	e.note("would delete %s: nothing was deleted", format.Plural(len(rows), "flow"))
	return nil
}

// shownFlows is how many flows a question lists.
const shownFlows = 20

// errNotConfirmed is the answer no.
var errNotConfirmed = errors.New("delete: not confirmed: nothing was deleted")

// confirmDelete lists the flows and asks whether to delete them.
func (e env) confirmDelete(ctx context.Context, s *flow.Snapshot, rows []*flow.Flow) error {
	some := rows[:min(len(rows), shownFlows)]
	if err := output.WriteSnapshot(e.stderr, output.Table, output.View{Snapshot: s, Rows: some, Joined: true}); err != nil {
		return writeFailed(err)
	}
	if more := len(rows) - len(some); more > 0 {
		e.note("and %s more; --dry-run lists them", format.Count(more))
	}
	yes, err := e.confirm(ctx, fmt.Sprintf("delete %s (%s)? [y/N] ", format.Plural(len(rows), "flow"), ui.DeletingMeans(s.Policy)))
	if err == nil && !yes {
		err = errNotConfirmed
	}
	return err
}

// asks reports whether somebody can answer a question.
func (e env) asks() bool { return e.terminal || isTerminal(e.stdin) }

// confirm asks on stderr and reads the answer from stdin. Anything but y or yes is
// no.
func (e env) confirm(ctx context.Context, question string) (bool, error) {
	if _, err := io.WriteString(e.stderr, question); err != nil {
		return false, fmt.Errorf("ask: %w", err)
	}
	answer := make(chan string, 1)
	go func() { // without an answer it ends with the process
		line, _ := bufio.NewReader(e.stdin).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		_, _ = io.WriteString(e.stderr, "\n")
		return false, errNotConfirmed
	case line := <-answer:
		return line == "y" || line == "yes", nil
	}
}

// wanted returns the filter. It is an error if an argument is missing and --all is
// not given.
func (f *deleteFlags) wanted(args []string) (filter.Filter, error) {
	wanted, err := filter.Parse(strings.Join(args, " "))
	switch {
	case err != nil:
		if name := interfaceAmong(args); name != "" {
			return wanted, usagef("%s is an interface, not part of an address: write if:%s for flows that arrived there, or --on to select a tracker", name, name)
		}
		return wanted, usagef("filter: %w", err)
	case wanted.Empty() && !f.all:
		return wanted, usagef("name the flows to delete, as in ctop delete proto:udp dport:53, or use ctop delete --all")
	case !wanted.Empty() && f.all:
		return wanted, usagef("--all and a filter exclude each other: use only one of them")
	}
	return wanted, nil
}
