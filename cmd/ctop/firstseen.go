package main

import (
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"ctop/internal/alert"
	"ctop/internal/firstseen"
	"ctop/tracker/flow"
)

// firstSeenFlags say whether ctop learns what is usual.
type firstSeenFlags struct {
	learn durationValue
	keep  bool
}

func (f *firstSeenFlags) register(flags *pflag.FlagSet) {
	f.registerOnce(flags)
	flags.BoolVar(&f.keep, "first-seen-keep", false, "keep what was learned in the state directory, for the next time")
}

// registerOnce is for a command that keeps nothing.
func (f *firstSeenFlags) registerOnce(flags *pflag.FlagSet) {
	flags.Var(&f.learn, "first-seen", "learn for so long what is usual, then mark flows with what was never there before; 0s for never")
}

// check refuses to keep what nobody learns.
func (f *firstSeenFlags) check() error {
	if f.keep && f.learn == 0 {
		return usagef("--first-seen-keep works only with --first-seen: add --first-seen 1h")
	}
	return nil
}

// watch returns what learns and marks, nil if nothing does. What is wrong with the file
// is logged.
func (f *firstSeenFlags) watch(getenv func(string) string, interfaces []string, log *slog.Logger) *firstseen.Watch {
	if f.learn == 0 {
		return nil
	}
	o := firstseen.Options{Learn: f.learn.duration(), Log: log}
	if f.keep {
		o.File = filepath.Join(statePlace(getenv), "usual-"+strings.Join(interfaces, "+"))
	}
	w, err := firstseen.NewWatch(o)
	if err != nil {
		log.Warn("learn again what is usual", "error", err)
	}
	return w
}

// onSnapshot returns the function that looks at every snapshot, nil if nothing does. What
// is new is marked before alerts ask for it.
func onSnapshot(news *firstseen.Watch, alerts *alert.Watch) func(*flow.Snapshot) time.Duration {
	if news == nil && alerts == nil {
		return nil
	}
	return func(s *flow.Snapshot) (took time.Duration) {
		if news != nil {
			took += news.Look(s)
		}
		if alerts != nil {
			took += alerts.Look(s)
		}
		return took
	}
}

// closeNews keeps what was learned.
func closeNews(news *firstseen.Watch) error {
	if news == nil {
		return nil
	}
	return news.Close()
}
