package main

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ctop/cmd/ctop/output"
	"ctop/internal/fleet"
	"ctop/internal/fleet/client"
	"ctop/internal/fleet/link"
	"ctop/internal/format"
	"ctop/tracker/flow"
)

// hubURL are the flags by which a console reaches its fleet.
type hubURL struct {
	url, creds string
	plain      bool
}

func (f *hubURL) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.url, "url", "", "hub of the fleet, as in tls://hub.example.com:4222; several with commas between them")
	flags.StringVar(&f.creds, "creds", "", "file of the credentials, from ctop hub keys add operator NAME")
	flags.BoolVar(&f.plain, "plain", false, "speak to a hub on another machine without TLS: whoever is in between reads everything")
}

// connect connects to the fleet.
func (f *hubURL) connect() (*client.Client, error) {
	if f.url == "" {
		return nil, usagef("say where the hub is, as in --url tls://hub.example.com:4222; ctop hub runs one")
	}
	if err := link.Check(f.url); err != nil {
		return nil, usagef("--url: %w", err)
	}
	if f.creds == "" {
		return nil, usagef("the hub wants to know who this is: make credentials with ctop hub keys add operator NAME, and add --creds NAME.creds")
	}
	known, err := fleet.ReadCredentials(f.creds)
	if err != nil {
		return nil, err
	}
	if known.Role == fleet.RoleHost {
		return nil, usagef("--creds: %s has the credentials of the host %s: make some for a person with ctop hub keys add viewer NAME", f.creds, known.Name)
	}
	return client.Connect(link.Options{URL: f.url, Credentials: known, Plain: f.plain})
}

// with connects, and calls use.
func (f *hubURL) with(use func(*client.Client) error) error {
	c, err := f.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	return use(c)
}

func newFleetCommand(e env) *cobra.Command {
	var (
		hub  hubURL
		view viewFlags
		look consoleFlags
		dump bool
	)
	cmd := &cobra.Command{
		Use:   "fleet [flags]",
		Short: "Show the flows of many machines",
		Long: `Show the flows of every machine of a fleet in the console, or with --dump as data: of
those that run ctop serve --fleet. on:NAME in a filter selects hosts, as in on:edge-*.
The console has the first 50 flows of each host, by its filter and order, the events
and talkers of all, and a page of the hosts. docs/fleet.md has the way from nothing
to two hosts.`,
		Example: `  ctop fleet --url 127.0.0.1:4222 --creds ann.creds
  ctop fleet --dump --url 127.0.0.1:4222 --creds ann.creds
  ctop fleet --dump --filter 'on:edge-* dport:443' --sort rate --limit 20
  ctop fleet hosts`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("no command is called %q: ctop help fleet lists them", args[0])
			}
			if err := cmp.Or(look.names.checkShown(cmd, fleetNames), look.checkNames(cmd)); err != nil {
				return err
			}
			if err := look.checkFleet(cmd, dump); err != nil {
				return err
			}
			if !dump {
				if err := errors.Join(dumpOnly(cmd), e.checkTerminal()); err != nil {
					return err
				}
				look.begin(cmd, &view)
				look.forget = true
				return hub.with(func(c *client.Client) error { return e.fleetConsole(cmd.Context(), c, look) })
			}
			if err := view.checkNames(); err != nil {
				return err
			}
			if err := e.checkStdout(); err != nil {
				return err
			}
			return hub.with(func(c *client.Client) error { return e.dumpFleet(cmd.Context(), c, &view) })
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&dump, "dump", false, "print one snapshot of all hosts")
	hub.register(flags)
	view.register(flags)
	registerSick(flags)
	look.register(flags, false)
	cmd.AddCommand(newFleetEventsCommand(e), newHostsCommand(e), newFleetEndCommand(e, flow.ActDelete), newFleetEndCommand(e, flow.ActReset), newFleetTimeoutsCommand(e))
	return cmd
}

// dumpFleet prints the flows of all hosts. Hosts that are missing are named on stderr.
func (e env) dumpFleet(ctx context.Context, c *client.Client, view *viewFlags) error {
	all, err := c.Ask(ctx, view.asked())
	if err != nil {
		return err
	}
	if all.Hosts == 0 {
		return e.missing(all)
	}
	if len(all.Flows) == 0 {
		if err := checkFilter(ctx, c, view.wanted().String()); err != nil {
			return err
		}
	}
	shown := output.View{Snapshot: all.Snapshot, Rows: view.arrange(all.Snapshot), Joined: true}
	if err := e.write(view.output, shown); err != nil {
		return err
	}
	if view.output.Text() {
		e.noteLosses(output.Losses(shown))
	}
	return e.missing(all)
}

// fewLosses is how many conversations are named beside a table.
const fewLosses = 5

// noteLosses says beside a table where packets are lost.
func (e env) noteLosses(lines []string) {
	for _, line := range lines[:min(len(lines), fewLosses)] {
		e.note("%s", line)
	}
	if more := len(lines) - fewLosses; more > 0 {
		e.note("and %s of which packets are lost: -o json has them", format.Plural(more, "conversation"))
	}
}

var errNoHosts = errors.New("no host is there: ctop serve IF --fleet URL --creds FILE on a machine lets it join")

// missing returns an error if some hosts are not in a result.
func (e env) missing(all *client.Flows) error {
	trouble := all.Trouble()
	switch {
	case trouble != "":
		return errors.New(trouble + ": ctop fleet hosts shows when they were heard of")
	case all.Hosts == 0:
		return errNoHosts
	}
	return nil
}

// asked returns what hosts are asked for.
func (f *viewFlags) asked() fleet.View {
	return fleet.View{Filter: f.wanted().String(), Sort: f.sort.String(), Limit: int(f.limit)}
}

func newHostsCommand(e env) *cobra.Command {
	var hub hubURL
	var format output.Format
	cmd := &cobra.Command{
		Use:   "hosts [flags]",
		Short: "List the hosts of a fleet",
		Long: `List the hosts of a fleet, also those that are gone: when each was heard of last, its
version, its flows and the capacity of its table, what was lost, and its alarms.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return hub.with(func(c *client.Client) error {
				return e.listHosts(cmd.Context(), c, format)
			})
		},
	}
	cmd.Flags().VarP(&format, "output", "o", "format of the list")
	hub.register(cmd.Flags())
	return cmd
}

// listHosts prints the hosts of a fleet.
func (e env) listHosts(ctx context.Context, c *client.Client, format output.Format) error {
	hosts, err := c.Hosts(ctx)
	if err != nil {
		return err
	}
	if len(hosts) == 0 && format.Text() {
		return errNoHosts
	}
	return writeFailed(output.WriteHosts(e.stdout, format, hostRows(hosts, time.Now())))
}

// hostRows returns what is shown of hosts.
func hostRows(hosts []client.Host, now time.Time) []output.Host {
	rows := make([]output.Host, len(hosts))
	for i, h := range hosts {
		rows[i] = output.Host{
			Host: h.Name, State: stateOf(&h, now), Heard: h.Heard, Age: max(now.Sub(h.Heard), 0), Version: h.Version,
			Place: h.Place, Policy: h.Policy, Uptime: time.Duration(h.Uptime * float64(time.Second)), Flows: h.Flows, MaxFlows: h.Max,
			EventsLost: h.Lost, TableFull: h.Full, Dropped: h.Dropped, Alarms: h.Alarms,
		}
	}
	return rows
}

func stateOf(h *client.Host, now time.Time) string {
	switch {
	case h.Leaving:
		return "left"
	case h.Gone(now):
		return "gone"
	case h.Behind > oldest.Seconds():
		return "stale"
	}
	return "here"
}
