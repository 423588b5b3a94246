package main

import (
	"context"
	"fmt"
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

// endFlags are the flags of a command that deletes or resets flows.
type endFlags struct {
	// kind is what happens to the flows: [flow.ActDelete] or [flow.ActReset].
	kind flow.ActKind
	// fleet is set for the flows of all hosts.
	fleet            bool
	all, yes, dryRun bool
	most             limitValue
}

// newEndCommand completes a command that is typed at the machine and ends flows.
func newEndCommand(e env, verbose *bool, kind flow.ActKind, cmd *cobra.Command) *cobra.Command {
	which, join := endFlags{kind: kind}, joinFlags{}
	cmd.ValidArgsFunction = completeFilter
	cmd.RunE = which.run(e, join.opener(e, verbose))
	which.register(cmd.Flags())
	join.register(cmd.Flags())
	registerSick(cmd.Flags())
	registerNames(cmd.Flags())
	registerGeo(cmd.Flags())
	return cmd
}

// command returns the command as it is typed.
func (f *endFlags) command() string {
	if f.fleet {
		return "ctop fleet " + f.kind.String()
	}
	return "ctop " + f.kind.String()
}

// past returns the verb of what happened to the flows.
func (f *endFlags) past() string {
	if f.kind == flow.ActReset {
		return "reset"
	}
	return "deleted"
}

func (f *endFlags) register(flags *pflag.FlagSet) {
	verb := f.kind.String()
	flags.BoolVar(&f.all, "all", false, verb+" every flow")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print the flows that would be "+f.past()+", and "+verb+" nothing")
	flags.Var(&f.most, "max", verb+" nothing if more flows than this match, 0 for no limit")
}

// run returns the function that runs the command.
func (f *endFlags) run(e env, open opener) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		wanted, err := f.wanted(args)
		if err != nil {
			return err
		}
		return open(cmd.Context(), func(on target) error { return f.end(cmd.Context(), e, on, wanted) })
	}
}

func (f *endFlags) end(ctx context.Context, e env, on target, wanted filter.Filter) error {
	asks := !f.yes && e.asks()
	if n, ok := on.(narrower); ok {
		n.narrow(wanted)
	}
	s, err := on.snapshot(ctx, asks || f.dryRun || wanted.WantsRates())
	if err != nil {
		return err
	}
	rows, err := f.choose(s, wanted)
	if err != nil {
		return err
	}
	if f.dryRun {
		return f.preview(e, s, rows)
	}
	if asks && len(rows) > 0 {
		if err := f.confirm(ctx, e, s, rows); err != nil {
			return err
		}
	}
	outcome, err := on.Act(ctx, flow.Act{Kind: f.kind, Flows: refs(rows)})
	if err != nil {
		return err
	}
	if f.kind == flow.ActReset {
		return e.printReset(outcome)
	}
	return e.print("deleted " + format.Plural(outcome.Done, "flow") + "\n")
}

// choose returns the flows to end, oldest first. It returns an error if there are more
// than --max allows.
func (f *endFlags) choose(s *flow.Snapshot, wanted filter.Filter) ([]*flow.Flow, error) {
	if err := wanted.Check(s); err != nil {
		return nil, usagef("filter: %w", err)
	}
	rows := order.Arrange(order.Request{Snapshot: s, Filter: wanted, By: defaultSort().by}).Rows
	if most := int(f.most); most > 0 && len(rows) > most {
		return nil, fmt.Errorf("%s: %s match, but --max allows %s: nothing was %s: narrow the filter or raise --max",
			f.kind, format.Plural(len(rows), "flow"), format.Count(most), f.past())
	}
	return rows, nil
}

// narrower is a target that need not fetch all flows.
type narrower interface{ narrow(to filter.Filter) }

func refs(rows []*flow.Flow) []flow.Ref {
	list := make([]flow.Ref, len(rows))
	for i, f := range rows {
		list[i] = f.Ref()
	}
	return list
}

// preview prints the flows instead of ending them.
func (f *endFlags) preview(e env, s *flow.Snapshot, rows []*flow.Flow) error {
	if err := output.WriteSnapshot(e.stdout, output.Table, output.View{Snapshot: s, Rows: rows, Joined: true}); err != nil {
		return writeFailed(err)
	}
	e.note("would %s %s: nothing was %s", f.kind, format.Plural(len(rows), "flow"), f.past())
	return nil
}

// shownFlows is the maximum number of flows that a question lists.
const shownFlows = 20

// confirm lists the flows and asks whether to end them.
func (f *endFlags) confirm(ctx context.Context, e env, s *flow.Snapshot, rows []*flow.Flow) error {
	some := rows[:min(len(rows), shownFlows)]
	if err := output.WriteSnapshot(e.stderr, output.Table, output.View{Snapshot: s, Rows: some, Joined: true}); err != nil {
		return writeFailed(err)
	}
	if more := len(rows) - len(some); more > 0 {
		e.note("and %s more; --dry-run lists them", format.Count(more))
	}
	means := ui.DeletingMeans(s)
	if f.kind == flow.ActReset {
		means = ui.ResettingMeans(refs(rows))
	}
	yes, err := e.confirm(ctx, fmt.Sprintf("%s %s (%s)? [y/N] ", f.kind, format.Plural(len(rows), "flow"), means))
	if err == nil && !yes {
		err = fmt.Errorf("%s: not confirmed: nothing was %s", f.kind, f.past())
	}
	return err
}

// wanted returns the filter. It returns an error if there is neither a filter nor
// --all, or if there are both.
func (f *endFlags) wanted(args []string) (filter.Filter, error) {
	wanted, err := filter.Parse(strings.Join(args, " "))
	switch {
	case err != nil:
		if name := interfaceAmong(args); name != "" {
			return wanted, usagef("%s is an interface, not part of an address: write if:%s for flows that arrived there, or --on to select a tracker", name, name)
		}
		return wanted, usagef("filter: %w", err)
	case wanted.Empty() && !f.all:
		example := "proto:udp dport:53"
		if f.kind == flow.ActReset {
			example = "dst:192.0.2.1 dport:443"
		}
		return wanted, usagef("name the flows to %s, as in %s %s, or use %[2]s --all", f.kind, f.command(), example)
	case !wanted.Empty() && f.all:
		return wanted, usagef("--all and a filter exclude each other: use only one of them")
	}
	return wanted, nil
}
