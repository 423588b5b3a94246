package main

import (
	"net"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"ctop/tracker"
	"ctop/ui/filter"
	"ctop/ui/format"
)

// deleteCommand ends flows.
type deleteCommand struct {
	env   env
	on    onValue
	all   bool
	audit auditFlag

	verbose *bool
}

func newDeleteCommand(e env, verbose *bool) *cobra.Command {
	c := &deleteCommand{env: e, verbose: verbose}
	cmd := &cobra.Command{
		Use:   "delete [flags] FILTER",
		Short: "Delete the flows that a filter matches",
		Long: `Delete the flows that a filter matches from the tracker that runs, and print how
many there were. What that means for them is the tracker's policy: under observe
the next packet picks a flow up again, under enforce the flow is cut.

No flow having matched is no error.`,
		Example: `  ctop delete proto:tcp dport:443
  ctop delete src:10.0.0.7 '!state:established'
  ctop delete --all`,
		ValidArgsFunction: completeFilter,
		RunE:              c.run,
	}
	cmd.Flags().Var(&c.on, "on", "the tracker's interfaces, where more than one runs")
	cmd.Flags().BoolVar(&c.all, "all", false, "delete every flow")
	c.audit.register(cmd.Flags())
	return cmd
}

func (c *deleteCommand) run(cmd *cobra.Command, args []string) error {
	wanted, err := c.wanted(args)
	if err != nil {
		return err
	}
	s := newSession(c.env, *c.verbose)
	return s.with(s.join(cmd.Context(), c.on), func(t *tracker.Tracker) error {
		return c.delete(t, wanted)
	})
}

func (c *deleteCommand) delete(t *tracker.Tracker, wanted filter.Filter) error {
	s, err := t.Snapshot()
	if err != nil {
		return err
	}
	acts, end, err := c.env.acts(t, c.audit)
	if err != nil {
		return err
	}
	defer end()
	result, err := acts.Delete(wanted.For(s).Refs(s)...)
	if err != nil {
		return err
	}
	return c.env.print("deleted " + format.Plural(result.Deleted, "flow") + "\n")
}

// wanted refuses to delete everything by an argument that was left out.
func (c *deleteCommand) wanted(args []string) (filter.Filter, error) {
	f, err := filter.Parse(strings.Join(args, " "))
	switch {
	case err != nil:
		if name := interfaceAmong(args); name != "" {
			return f, usagef("%s is an interface, no part of an address: write in:%s for the flows that came in there, --on for the tracker to act on", name, name)
		}
		return f, usagef("filter: %w", err)
	case f.Empty() && !c.all:
		return f, usagef("name the flows to delete, as in ctop delete proto:udp dport:53, or ctop delete --all for every one")
	case !f.Empty() && c.all:
		return f, usagef("--all leaves nothing to filter: leave out one of the two")
	}
	return f, nil
}

// interfaceAmong returns a word that names an interface of this network
// namespace, as ctop down takes it.
func interfaceAmong(args []string) string {
	for word := range strings.FieldsFuncSeq(strings.Join(args, " "), aroundWords) {
		if _, err := net.InterfaceByName(word); err == nil {
			return word
		}
	}
	return ""
}

// aroundWords tells what stands around the words of a filter.
func aroundWords(r rune) bool { return unicode.IsSpace(r) || r == '!' || r == '(' || r == ')' }

// onValue names the tracker to act on by its interfaces. It is a pflag.Value.
type onValue []string

func (v *onValue) String() string { return strings.Join(*v, ",") }

// Type is what help shows for the value.
func (v *onValue) Type() string { return "IF1,IF2" }

// Set takes two names with a comma between them.
func (v *onValue) Set(s string) error {
	names, err := pair(strings.Split(s, ","))
	if err != nil {
		return err
	}
	*v = names[:]
	return nil
}
