package main

import (
	"os/user"
	"time"

	"github.com/spf13/pflag"

	"ctop/tracker"
	"ctop/ui"
	"ctop/ui/console"
)

// auditFlag is where to write down what is done to flows and timeouts.
type auditFlag struct{ file string }

func (f *auditFlag) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "audit", "", "file to write every act to, as JSON lines")
}

// open returns nil where nothing is to be written down.
func (f *auditFlag) open() (*console.Audit, error) {
	if f.file == "" {
		return nil, nil
	}
	return console.OpenAudit(f.file)
}

// local returns the source of whoever sits at this machine.
func (e env) local(source ui.Source, audit *console.Audit) *console.Local {
	return console.NewLocal(source, audit, e.whoami(), time.Now)
}

// whoami names the user, and for whom they act.
func (e env) whoami() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if caller := e.getenv("SUDO_USER"); caller != "" {
		name = caller + " as " + name
	}
	return name
}

// acts returns what a headless command acts by, and what ends it.
func (e env) acts(t *tracker.Tracker, f auditFlag) (source *console.Local, end func(), err error) {
	audit, err := f.open()
	if err != nil {
		return nil, nil, err
	}
	end = func() {}
	if audit != nil {
		end = audit.Close
	}
	return e.local(unseen{t}, audit), end, nil
}

// unseen is a tracker that is acted on and not looked at.
type unseen struct{ *tracker.Tracker }

// Snapshot returns none.
func (unseen) Snapshot() *tracker.Snapshot { return nil }

// Events returns none.
func (unseen) Events(uint64) ([]tracker.Event, uint64) { return nil, 0 }
