package main

import (
	"context"
	"log/slog"
	"sync"

	"github.com/spf13/cobra"

	"ctop/cmd/ctop/output"
	"ctop/internal/fleet"
	"ctop/internal/fleet/client"
	"ctop/internal/fleet/link"
	"ctop/ui/console"
)

// fleetDoor opens the fleet for those who come over SSH. It has one connection for all of
// them, from the first one on.
type fleetDoor struct {
	link link.Options

	mu     sync.Mutex
	client *client.Client
}

// prepareConsole reads the credentials of consoles. Those of the host see no other host.
func (f *fleetFlags) prepareConsole() (err error) {
	if f.console == "" {
		return nil
	}
	if f.consoleKnown, err = fleet.ReadCredentials(f.console); err != nil {
		return err
	}
	if f.consoleKnown.Role == fleet.RoleHost {
		return usagef("--fleet-console: %s has the credentials of the host %s, which sees no other host: make some for its consoles with ctop hub keys add viewer NAME", f.console, f.consoleKnown.Name)
	}
	return nil
}

// checkUnused refuses credentials of consoles that nobody can open.
func (f *fleetFlags) checkUnused() error {
	if flag := f.flags.Lookup("fleet-console"); flag.Changed && flag.Annotations[fromVariable] == nil {
		return usagef("--fleet-console works only with --ssh: add --ssh 127.0.0.1:2222")
	}
	return nil
}

// door returns what opens the fleet for consoles, nil if nothing does.
func (f *fleetFlags) door(log *slog.Logger) *fleetDoor {
	if f.consoleKnown == nil {
		return nil
	}
	return &fleetDoor{link: link.Options{URL: f.url, Credentials: f.consoleKnown, Plain: f.plain, Log: log}}
}

// close closes the connection.
func (d *fleetDoor) close() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.client != nil {
		d.client.Close()
	}
}

// connect returns the connection.
func (d *fleetDoor) connect() (*client.Client, error) {
	if d == nil {
		return nil, console.ErrNoFleet
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.client == nil || d.client.Closed() {
		c, err := client.Connect(d.link)
		if err != nil {
			return nil, err
		}
		d.client = c
	}
	return d.client, nil
}

// opener returns what opens the fleet for one console, nil if nothing does.
func (d *fleetDoor) opener() func(context.Context) (*console.Fleet, error) {
	if d == nil {
		return nil
	}
	return func(ctx context.Context) (*console.Fleet, error) {
		c, err := d.connect()
		if err != nil {
			return nil, err
		}
		r, err := c.NewReader(ctx)
		if err != nil {
			return nil, err
		}
		f := &console.Fleet{Reader: fleetReader{r}, Close: r.Close}
		if c.Operator() {
			f.Actor = r
		}
		return f, nil
	}
}

// fleetCommand is what a client over SSH sees of the fleet, beside the console.
func (r remote) fleetCommand() *cobra.Command {
	var view viewFlags
	var dump bool
	cmd := &cobra.Command{
		Use: "fleet [--dump [flags]]", Short: "Show the flows of the fleet", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := r.dumps.fleet.connect()
			if err != nil {
				return err
			}
			if !dump {
				return usagef("the console of the fleet needs a terminal: ssh -t opens it, and fleet --dump and fleet hosts work without one")
			}
			if err := view.checkNames(); err != nil {
				return err
			}
			to := r.env
			if err := to.limitFleet(&view); err != nil {
				return err
			}
			r.dumps.arranging.Lock() // one at a time, for the memory that it takes
			defer r.dumps.arranging.Unlock()
			to.stdout = endable{cmd.Context(), to.stdout}
			return to.dumpFleet(cmd.Context(), c, &view)
		},
	}
	cmd.Flags().BoolVar(&dump, "dump", false, "print one snapshot of all hosts")
	view.register(cmd.Flags())
	cmd.AddCommand(r.fleetHostsCommand())
	return cmd
}

// The number of flows of each host in a dump over SSH, which the server has in memory.
const usualOfHost, mostOfHost = 100, 1000

// limitFleet bounds a dump of the fleet.
func (e env) limitFleet(view *viewFlags) error {
	switch {
	case view.limit == 0:
		view.limit = usualOfHost
		e.note("the first %d flows: --limit prints up to %d, and ctop fleet --dump, with credentials of your own, all", usualOfHost, mostOfHost)
	case view.limit > mostOfHost:
		return usagef("--limit is at most %d here: ctop fleet --dump, with credentials of your own, prints all", mostOfHost)
	}
	return nil
}

func (r remote) fleetHostsCommand() *cobra.Command {
	var format output.Format
	cmd := &cobra.Command{
		Use: "hosts [flags]", Short: "List the hosts of the fleet", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := r.dumps.fleet.connect()
			if err != nil {
				return err
			}
			return r.env.listHosts(cmd.Context(), c, format)
		},
	}
	cmd.Flags().VarP(&format, "output", "o", "format of the list")
	return cmd
}
