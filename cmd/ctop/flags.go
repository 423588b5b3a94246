package main

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ctop/cmd/ctop/output"
	"ctop/internal/filter"
	"ctop/internal/order"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// trackerFlags are the options of a tracker.
type trackerFlags struct {
	maxFlows maxFlowsValue
	policy   policyValue
	mode     modeValue
	profile  profileValue
	timeouts timeoutsValue
	keep     bool
	force    bool
	// watch lets packets go on, whoever they are for.
	watch bool
	// except are the interfaces that are left out of all.
	except []string
	// checksums counts packets with bad checksums.
	checksums bool
}

// register adds the flags for attaching to the machine's own interfaces.
func (f *trackerFlags) register(flags *pflag.FlagSet) {
	f.registerPrivate(flags)
	flags.BoolVar(&f.watch, "watch", false, "watch the interfaces instead of standing between them, or all of them as they come and go; one interface is always watched")
	flags.StringSliceVar(&f.except, "except", nil, "with --watch all: `IF` to leave out, a name or a pattern like veth* (repeatable)")
	flags.BoolVar(&f.force, "force", false, "attach even to an interface that this machine itself uses; it then answers nobody there")
}

// registerPrivate adds the flags for attaching in a lab.
func (f *trackerFlags) registerPrivate(flags *pflag.FlagSet) {
	f.registerTable(flags)
	flags.BoolVar(&f.checksums, "checksums", false, "count packets with a wrong checksum; slow, since it reads every byte")
	flags.Var(&f.mode, "mode", "hook in the kernel; auto uses native XDP if possible, else tc")
}

// registerTable adds the flags that do not depend on interfaces.
func (f *trackerFlags) registerTable(flags *pflag.FlagSet) {
	f.maxFlows, f.profile = flow.DefaultMaxFlows, defaultProfile
	flags.Var(&f.maxFlows, "max-flows", "capacity of the table")
	flags.Var(&f.policy, "policy", "forward or drop packets that are invalid for their flow")
	flags.Var(&f.profile, "profile", "initial timeouts: long ones, or the shortest that the RFCs on NAT allow")
	flags.Var(&f.timeouts, "timeout", "how long a state may stay silent, as in tcp_established=1h (repeatable)")
}

// defaultProfile has the timeouts of the report that the project started from.
const defaultProfile = "report"

// allTimeouts returns the timeouts of the profile, replaced by those of --timeout.
func (f *trackerFlags) allTimeouts() flow.Timeouts {
	// The profile was checked when it was set.
	all, _ := flow.ParseProfile(string(f.profile))
	for name, d := range f.timeouts {
		if d != 0 {
			all[name] = d
		}
	}
	return all
}

// registerKeep is separate because a demo leaves nothing running.
func (f *trackerFlags) registerKeep(flags *pflag.FlagSet) {
	flags.BoolVar(&f.keep, "keep", false, "leave the tracker running on exit")
}

func (f *trackerFlags) options(e env, interfaces []string) tracker.Options {
	return tracker.Options{
		Interfaces:    interfaces,
		Watch:         f.watch || len(interfaces) == 1,
		Except:        f.except,
		Mode:          flow.Mode(f.mode),
		Policy:        flow.Policy(f.policy),
		MaxFlows:      int(f.maxFlows),
		Timeouts:      f.allTimeouts(),
		Keep:          f.keep,
		Force:         f.force,
		Checksums:     f.checksums,
		SSHConnection: e.getenv("SSH_CONNECTION"),
	}
}

// viewFlags say which flows to show, and how.
type viewFlags struct {
	output output.Format
	filter namedFilterValue
	sort   sortValue
	limit  limitValue
	// before is what a dump is compared with, nil if it is with nothing.
	before *output.Side
}

func (f *viewFlags) register(flags *pflag.FlagSet) {
	f.sort = defaultSort()
	flags.VarP(&f.output, "output", "o", "format of the output")
	flags.Var(&f.filter, "filter", "flows to show, as in 'proto:tcp dport:443 !state:established'")
	flags.Var(&f.sort, "sort", "order of the flows: "+strings.Join(order.Keys(), ", "))
	flags.Var(&f.limit, "limit", "maximum number of flows to show, 0 for all")
}

func (f *viewFlags) wanted() filter.Filter { return f.filter.Filter }

// checkNames refuses host names in the filter, which only a console resolves, and what
// needs another snapshot.
func (f *viewFlags) checkNames() error {
	if err := cmp.Or(f.checkNamed(), f.wanted().CheckAlone(), f.wanted().CheckLearned()); err != nil {
		return usagef("--filter: %w", err)
	}
	return nil
}

func (f *viewFlags) checkNamed() error {
	_, err := filter.Parse(f.filter.String())
	return err
}

// dumpOnly refuses flags on the command line that the console ignores. A variable may
// be set for other commands.
func dumpOnly(cmd *cobra.Command) error {
	for _, flag := range [...]struct{ name, instead string }{
		{"output", "e in the console exports what it shows"},
		{"limit", "the console scrolls"},
		{"for", "q ends the console"},
		{"interval", "the console is always live"},
		{"count", "q ends the console"},
	} {
		if f := cmd.Flags().Lookup(flag.name); f != nil && f.Changed && f.Annotations[fromVariable] == nil {
			return usagef("--%s works only with --dump: %s", flag.name, flag.instead)
		}
	}
	return nil
}

// flagError rewords an error of a flag so that it begins with the flag's name and
// fits on a line. args is the command line.
func flagError(cmd *cobra.Command, err error, args []string) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return cmp.Or(foreignValue(invalid, args), usagef("--%s: %w", invalid.GetFlag().Name, cause(err)))
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if err := foreignFlag(cmd, unknown, args); err != nil {
			return err
		}
	}
	return usagef("%w: %q lists the flags", err, cmd.CommandPath()+" --help")
}

// cause returns the error of the flag's value itself.
func cause(err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) && invalid.Unwrap() != nil {
		err = invalid.Unwrap()
	}
	if n, ok := err.(*strconv.NumError); ok { //nolint:errorlint // a wrapped one has words of its own
		if n.Func == "ParseBool" {
			return fmt.Errorf("%q is neither true nor false: write one of these", n.Num)
		}
		return fmt.Errorf("%q is not a number that it can be: use a whole one", n.Num)
	}
	return err
}
