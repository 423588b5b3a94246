package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ctop/internal/alert"
	"ctop/internal/firstseen"
	"ctop/tracker"
)

// session is what the commands that need a tracker share.
type session struct {
	env env
	log *slog.Logger
	// asked are flags of the command line that a running tracker ignores.
	asked []string
	// lab is set if the interfaces are those of a lab. Notes about changed settings
	// are left out: the lab is removed at the end.
	lab bool
	// names says whether names are read from traffic.
	names namesValue
	// alerts look at the snapshots of a console, nil if there are none.
	alerts *alert.Watch
	// news marks flows with what was never there before, nil if nothing does.
	news *firstseen.Watch
}

// newSession returns a session, which logs only if it is verbose.
func newSession(e env, verbose bool) session {
	handler := slog.DiscardHandler
	if verbose {
		handler = slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: slog.LevelDebug})
	}
	return session{env: e, log: slog.New(handler)}
}

// askedBy returns the session with the flags of the command line that only a new
// tracker follows. Variables and files may be set for other commands.
func (s session) askedBy(cmd *cobra.Command) session {
	for _, name := range [...]string{"policy", "mode", "max-flows", "profile", "timeout", "checksums", "except"} {
		if given(cmd, name) {
			s.asked = append(s.asked, "--"+name)
		}
	}
	return s
}

// with opens a tracker, prints its notes, uses it, and closes it in any case.
func (s session) with(open func() (*tracker.Tracker, error), use func(*tracker.Tracker) error) (err error) {
	started := time.Now()
	t, err := open()
	if err != nil {
		return err
	}
	s.log.Debug("opened", "interfaces", t.Interfaces(), "joined", t.Joined(), "took", time.Since(started))
	defer func() {
		started := time.Now()
		err = errors.Join(err, t.Close())
		s.log.Debug("closed", "took", time.Since(started))
	}()
	if t.Joined() && len(s.asked) > 0 {
		s.env.note("the tracker already runs and is not changed: %s applies only when ctop attaches one", strings.Join(s.asked, " "))
	}
	for _, n := range t.Notes() {
		if s.log.Debug(n); !s.lab {
			s.env.note("%s", n)
		}
	}
	if err := s.names.read(t); err != nil {
		return err
	}
	return use(t)
}

// open attaches a tracker, or joins the one that runs there.
func (s session) open(ctx context.Context, o tracker.Options) func() (*tracker.Tracker, error) {
	o.Log = s.log
	return func() (*tracker.Tracker, error) { return tracker.Open(ctx, o) }
}

// join joins the running tracker, for a command that takes --on.
func (s session) join(ctx context.Context, names []string) func() (*tracker.Tracker, error) {
	return func() (*tracker.Tracker, error) {
		t, err := tracker.Join(ctx, names...)
		return t, advise(err, "begin with one, as in ctop eth0", "say which, as in --on eth0,eth1")
	}
}

// advise adds to an error what to do if no tracker runs, or several.
func advise(err error, ifNone, ifMany string) error {
	switch {
	case errors.Is(err, tracker.ErrNotRunning):
		return fmt.Errorf("%w: %s", err, ifNone)
	case errors.Is(err, tracker.ErrAmbiguous):
		return fmt.Errorf("%w: %s", err, ifMany)
	}
	return err
}

// joinOrOpen joins the running tracker without taking it over. It attaches one only
// if none runs and interfaces were named.
func (s session) joinOrOpen(ctx context.Context, as form, names []string, f *trackerFlags) func() (*tracker.Tracker, error) {
	return func() (*tracker.Tracker, error) {
		t, err := tracker.Join(ctx, names...)
		if len(names) == 0 {
			return t, advise(err, as.example(), as.example())
		}
		// If the pins are not safe, no tracker can be joined either.
		if !errors.Is(err, tracker.ErrNotRunning) && !errors.Is(err, tracker.ErrUnsafe) {
			return t, err
		}
		if err := checkInterfaces(names); err != nil {
			return nil, err
		}
		return s.open(ctx, f.options(s.env, names))()
	}
}

// share joins the running tracker, to stay.
func (s session) share(ctx context.Context, names []string) func() (*tracker.Tracker, error) {
	return func() (*tracker.Tracker, error) { return tracker.Share(ctx, s.log, names...) }
}
