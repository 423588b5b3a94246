package main

import (
	"context"
	"iter"

	"github.com/spf13/pflag"

	"ctop/tracker"
	"ctop/tracker/flow"
	"ctop/ui/console"
)

// target is the tracker that a command reads and acts on. A command that is typed at
// the machine joins one; a command over SSH has the server's.
type target interface {
	flow.Actor
	// snapshot returns the current flows. Their rates may be missing unless asked for.
	snapshot(ctx context.Context, rates bool) (*flow.Snapshot, error)
	// events returns the events from now on.
	events(ctx context.Context) iter.Seq2[flow.Event, error]
}

// opener opens the target of a command, calls use, and closes the target.
type opener func(ctx context.Context, use func(target) error) error

// joinFlags are the flags of commands that are typed at the machine and act on a
// running tracker.
type joinFlags struct {
	on    onValue
	audit auditFlag
}

func (f *joinFlags) register(flags *pflag.FlagSet) {
	flags.Var(&f.on, "on", "the tracker's interfaces, if more than one runs")
	f.audit.register(flags)
}

// opener returns the opener of such a command. It reads the flags when it is called,
// after the command line was parsed.
func (f *joinFlags) opener(e env, verbose *bool) opener {
	return func(ctx context.Context, use func(target) error) error {
		s := newSession(e, *verbose)
		return s.with(s.join(ctx, f.on), func(t *tracker.Tracker) error {
			j := &joined{Tracker: t, env: e, audit: &f.audit}
			defer j.close()
			return use(j)
		})
	}
}

// joined is the tracker that a command has joined.
type joined struct {
	*tracker.Tracker
	env   env
	audit *auditFlag
	// actor and log are opened for the first act, so that a command that only reads
	// creates no file.
	actor flow.Actor
	log   *console.Audit
}

// snapshot implements [target]. Rates take a second.
func (j *joined) snapshot(ctx context.Context, rates bool) (*flow.Snapshot, error) {
	if rates {
		return readTwice(ctx, j.Tracker, rateInterval)
	}
	return j.Snapshot()
}

func (j *joined) events(ctx context.Context) iter.Seq2[flow.Event, error] { return j.Events(ctx) }

// Act implements [flow.Actor].
func (j *joined) Act(ctx context.Context, act flow.Act) (flow.Outcome, error) {
	if j.actor == nil {
		log, err := j.audit.open()
		if err != nil {
			return flow.Outcome{}, err
		}
		j.log, j.actor = log, j.env.local(j.Tracker, log)
	}
	return j.actor.Act(ctx, act)
}

func (j *joined) close() {
	if j.log != nil {
		j.log.Close()
	}
}
