package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"ctop/internal/fleet"
	"ctop/internal/fleet/agent"
	"ctop/internal/fleet/link"
	"ctop/tracker"
)

// fleetFlags are the options of a host in a fleet.
type fleetFlags struct {
	url, creds, audit string
	plain             bool
	flags             *pflag.FlagSet
	// known are the credentials, nil without a fleet.
	known *fleet.Credentials
	// console is the file of the credentials with which consoles over SSH open the
	// fleet, and consoleKnown what is in it.
	console      string
	consoleKnown *fleet.Credentials

	journal *agent.Journal
}

func (f *fleetFlags) register(flags *pflag.FlagSet) {
	f.flags = flags
	flags.StringVar(&f.url, "fleet", "", "hub of a fleet that may see this tracker, as in tls://hub.example.com:4222")
	flags.StringVar(&f.creds, "creds", "", "file of this host's credentials, from ctop hub keys add host NAME")
	flags.StringVar(&f.console, "fleet-console", "", "file of credentials with which consoles over SSH open the fleet, from ctop hub keys add viewer NAME")
	flags.StringVar(&f.audit, "fleet-audit", "", "file of the acts of the fleet's operators on this host (default fleet-HOST.jsonl in the state directory)")
	flags.BoolVar(&f.plain, "fleet-plain", false, "speak to a hub on another machine without TLS: whoever is in between reads everything")
}

// prepare reads the credentials. Flags that mean nothing without --fleet are refused; a
// variable may be set for other commands.
func (f *fleetFlags) prepare(place string) (err error) {
	if f.url == "" {
		for _, name := range [...]string{"creds", "fleet-audit", "fleet-console", "fleet-plain"} {
			if flag := f.flags.Lookup(name); flag.Changed && flag.Annotations[fromVariable] == nil {
				return usagef("--%s works only with --fleet: add --fleet tls://hub.example.com:4222", name)
			}
		}
		return nil
	}
	if f.creds == "" {
		return usagef("--fleet: the hub wants to know who this is: make credentials with ctop hub keys add host NAME, and add --creds NAME.creds")
	}
	if err := link.Check(f.url); err != nil {
		return usagef("--fleet: %w", err)
	}
	f.known, err = fleet.ReadCredentials(f.creds)
	if err == nil && f.known.Role != fleet.RoleHost {
		err = usagef("--creds: %s has the credentials of %s %s: make some for this host with ctop hub keys add host NAME", f.creds, f.known.Role, f.known.Name)
	}
	if err == nil {
		err = f.prepareConsole()
	}
	if err != nil {
		return err
	}
	path := orDefault(f.audit, filepath.Join(place, "fleet-"+f.known.Name+".jsonl"))
	if f.audit == "" {
		if err := os.MkdirAll(place, 0o700); err != nil {
			return fmt.Errorf("make the directory of the fleet's acts: %w", err)
		}
	}
	f.journal, err = agent.OpenJournal(path, f.known.Name, time.Now())
	return err
}

// close closes the journal.
func (f *fleetFlags) close() {
	if f != nil && f.journal != nil {
		_ = f.journal.Close() // every line was synced
	}
}

// agent returns the agent of a tracker, nil without a fleet.
func (f *fleetFlags) agent(c *tracker.Collector, log *slog.Logger) (*agent.Agent, error) {
	if f.known == nil {
		return nil, nil
	}
	return agent.New(agent.Options{
		Source: c, Events: c.Events, Actor: c, Journal: f.journal, Version: shortVersion(), Log: log,
		Link: link.Options{URL: f.url, Credentials: f.known, Plain: f.plain},
	})
}
