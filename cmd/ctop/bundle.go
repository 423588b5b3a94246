package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"ctop/internal/bundle"
	"ctop/internal/format"
	"ctop/internal/history"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// bundleCommand writes an archive for a colleague.
type bundleCommand struct {
	env       env
	output    string
	watch     durationValue
	anonymise bool
	verbose   *bool
}

const bundleLong = `Write one archive for a colleague or a bug report: what the running tracker sees for some
seconds, its counters, timeouts, warnings, programs and maps, the settings in files and
variables, and the versions of ctop and of the kernel. It changes nothing. ctop replay shows
it on any machine, without privilege.

A service that serves consoles has the last ten minutes, too: as long as one was open, or
always with ctop serve --history. Ask it for the archive over SSH, as an operator.

--anonymise replaces every address, each by the same one everywhere: networks stay together,
private, multicast, link-local and loopback addresses stay such. The names of the host,
interfaces, users, processes, units, containers and pods are replaced, too, and texts that
may have either are removed. Ports, times and counters stay as they are. No archive has
command lines, or what packets carry.

The file must not exist yet. Only its owner may read it.`

func newBundleCommand(e env, verbose *bool) *cobra.Command {
	c := &bundleCommand{env: e, verbose: verbose, watch: defaultBundle}
	cmd := &cobra.Command{
		Use:   "bundle [flags] [IF1 [IF2]]",
		Short: "Write an archive for a colleague or a bug report",
		Long:  bundleLong,
		Example: `  ctop bundle --anonymise
  ctop bundle --for 1m --output slow.tar.gz eth0
  ssh -p 2222 127.0.0.1 bundle > night.tar.gz   with the last ten minutes
  ctop replay night.tar.gz`,
		ValidArgsFunction: completeInterfaces,
		RunE:              c.run,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&c.output, "output", "", "file to write, - for stdout (default ctop-bundle-TIME.tar.gz)")
	flags.Var(&c.watch, "for", "how long to watch")
	registerAnonymise(cmd, &c.anonymise)
	return cmd
}

func registerAnonymise(cmd *cobra.Command, to *bool) {
	cmd.Flags().BoolVar(to, "anonymise", false, "replace addresses and names")
}

// defaultBundle is how long a tracker is watched for a bundle.
const defaultBundle = durationValue(10 * time.Second)

// bundleEvery is the time between two snapshots.
const bundleEvery = time.Second

func (c *bundleCommand) run(cmd *cobra.Command, args []string) (err error) {
	if c.watch.duration() < bundleEvery {
		return usagef("--for: %s is too short: use %s or more", c.watch.duration(), bundleEvery)
	}
	name := orDefault(c.output, "ctop-bundle-"+time.Now().UTC().Format("20060102T150405Z")+".tar.gz")
	if name == "-" {
		if err := checkPipe(c.env, cmd.Name()); err != nil {
			return err
		}
	}
	settings, err := settingsInEffect(cmd.Root(), c.env.getenv)
	if err != nil {
		return err
	}
	file, err := createFile(c.env, cmd.Name(), name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.end()) }()
	s := newSession(c.env, *c.verbose)
	join := func() (*tracker.Tracker, error) {
		t, err := tracker.Join(cmd.Context(), args...)
		return t, advise(err, "begin with one, as in ctop eth0", "say which, as in ctop bundle eth0 eth1")
	}
	return s.with(join, func(t *tracker.Tracker) error {
		kept, err := c.collect(cmd.Context(), t)
		if err != nil {
			return file.failed(err)
		}
		from := bundleSource{kept: kept.store, inventory: t.Inventory, settings: settings}
		file.begun = true
		if err := from.write(file, kept.events, c.anonymise); err != nil {
			return file.failed(err)
		}
		c.env.note("wrote %s and %s to %s", format.Plural(len(kept.store.Times()), "snapshot"), format.Plural(len(kept.events), "event"), name)
		return nil
	})
}

// collect watches a tracker. An interrupt ends that early.
func (c *bundleCommand) collect(ctx context.Context, t *tracker.Tracker) (*keeper, error) {
	ctx, cancel := c.watch.bound(ctx)
	defer cancel()
	k := &keeper{store: history.NewStore(history.Options{Span: max(history.DefaultSpan, 2*c.watch.duration())})}
	r := recorder{writer: k, tracker: t}
	return k, r.run(ctx, bundleEvery)
}

// keeper keeps what is recorded in memory.
type keeper struct {
	store  *history.Store
	events []flow.Event
}

// mostBundled is how many events a bundle has at most.
const mostBundled = 100_000

// Snapshot implements [snapshotWriter].
func (k *keeper) Snapshot(s *flow.Snapshot) error {
	k.store.Add(s)
	return nil
}

// Event implements [snapshotWriter]. It drops the oldest events if there are too many.
func (k *keeper) Event(e *flow.Event) error {
	if len(k.events) == 2*mostBundled {
		k.events = append(k.events[:0], k.events[mostBundled:]...)
	}
	k.events = append(k.events, *e)
	return nil
}

// Close implements [snapshotWriter].
func (k *keeper) Close() error {
	k.events = k.events[max(len(k.events)-mostBundled, 0):]
	return nil
}

// bundleSource is what bundles are made of, besides events.
type bundleSource struct {
	kept      *history.Store
	inventory func() (flow.Inventory, error)
	settings  []usedSetting
}

// write writes a bundle.
func (b *bundleSource) write(to io.Writer, events []flow.Event, anonymise bool) error {
	return bundle.Write(to, bundle.Contents{
		Made: time.Now(), Snapshots: b.kept.All(), Events: events, Anonymise: anonymise,
		Files: func(last *flow.Snapshot) ([]bundle.File, error) {
			inventory, err := b.inventory()
			if err != nil {
				return nil, fmt.Errorf("list the tracker's programs: %w", err)
			}
			return aboutFiles(last, inventory, b.settings, anonymise)
		},
	})
}
