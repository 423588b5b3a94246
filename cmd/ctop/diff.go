package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ctop/cmd/ctop/output"
	"ctop/internal/diff"
	"ctop/internal/filter"
	"ctop/internal/snapshot"
	"ctop/tracker/flow"
)

// diffCommand compares two snapshots in files.
type diffCommand struct {
	env    env
	output output.Format
	filter namedFilterValue
	only   changesValue
	by     keyValue
	limit  limitValue
}

func newDiffCommand(e env) *cobra.Command {
	c := &diffCommand{env: e}
	cmd := &cobra.Command{
		Use:   "diff [flags] BEFORE [AFTER]",
		Short: "Compare two snapshots in files",
		Long: `Show the flows that came, went or changed between two snapshots, with the bytes and
packets that each direction carried in between. A flow has changed if its state or
one of its counters differs. Those that carried most bytes are first.

BEFORE and AFTER are files with the JSON of ctop --dump -o json or -o jsonl, recordings
of ctop record, or archives of ctop bundle; of several snapshots in a file the last one
counts. One of them may be - for stdin. Of a single recording or archive the first
snapshot is compared with the last. It needs no privilege, and runs on any machine.

Flows are the same if they have the same id, so a tuple that was opened again is
another flow. If no id is in both snapshots, as after a restart of the tracker or
with two machines, they are compared by tuple instead.`,
		Example: `  ctop --dump -o json > before.json
  ctop diff before.json after.json
  ctop --dump -o json | ctop diff --only came before.json -
  ctop diff ctop-bundle-20261122T210405Z.tar.gz   what happened meanwhile
  ctop diff -o json --filter 'net 10.0.0.0/8' monday.ctop tuesday.ctop`,
		RunE: c.run,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.VarP(&c.output, "output", "o", "format of the output")
	registerSick(flags)
	registerNames(flags)
	registerGeo(flags)
	flags.Var(&c.filter, "filter", "flows to show, as they were in either snapshot")
	flags.Var(&c.only, "only", "changes to show, as in came,went; all if empty")
	flags.Var(&c.by, "by", "what makes two flows the same; any is the id, or the tuple if no id is in both")
	flags.Var(&c.limit, "limit", "maximum number of flows to show, 0 for all")
	return cmd
}

func (c *diffCommand) run(cmd *cobra.Command, args []string) error {
	if len(args) != 1 && len(args) != 2 {
		return usagef("name two snapshots, as in ctop diff before.json after.json")
	}
	if len(args) == 2 && args[0] == "-" && args[1] == "-" {
		return usagef("only one of the snapshots can be read from stdin: name a file for the other")
	}
	if _, err := filter.Parse(c.filter.String()); err != nil {
		return usagef("--filter: %w", err)
	}
	if err := c.env.checkStdout(); err != nil {
		return err
	}
	before, after, err := c.readSides(cmd.Context(), args)
	if err != nil {
		return err
	}
	args = append(args, args[0]) // one file has both
	d := output.Diff{
		Before: output.Side{File: args[0], Snapshot: before}, After: output.Side{File: args[1], Snapshot: after},
		Result: diff.Compare(before, after, diff.Key(c.by)),
	}
	d.Rows = changesOf(&d, c.filter.Filter, c.limit, c.only...)
	return c.env.writeDiff(c.output, d)
}

// readSides reads both snapshots, from two files or from one.
func (c *diffCommand) readSides(ctx context.Context, names []string) (before, after *flow.Snapshot, err error) {
	if len(names) == 2 {
		return c.readBoth(ctx, names[0], names[1])
	}
	in, err := c.open(ctx, names[0])
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = in.Close() }() // nothing was written
	before, after, err = snapshot.ReadEnds(ctx, newInterruptibleReader(ctx, in))
	if errors.Is(err, snapshot.ErrOne) {
		return nil, nil, usagef("diff: read %s: %w: name two files, as in ctop diff before.json after.json", names[0], err)
	}
	return before, after, readFailed(ctx, "diff", names[0], err)
}

// readBoth reads the two files at the same time. If both fail, the first one says why.
func (c *diffCommand) readBoth(ctx context.Context, first, second string) (before, after *flow.Snapshot, err error) {
	failed := make(chan error, 1)
	go func() {
		var err error
		after, err = c.read(ctx, second)
		failed <- err
	}()
	before, err = c.read(ctx, first)
	return before, after, cmp.Or(err, <-failed)
}

func (c *diffCommand) read(ctx context.Context, name string) (*flow.Snapshot, error) {
	in, err := c.open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }() // nothing was written
	return readSnapshot(ctx, "diff", name, in)
}

// open opens a file, or stdin.
func (c *diffCommand) open(ctx context.Context, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(c.env.stdin), nil
	}
	return openSnapshot(ctx, "diff", name)
}

// readSnapshotFile reads a snapshot for a command or a flag.
func readSnapshotFile(ctx context.Context, what, name string) (*flow.Snapshot, error) {
	file, err := openSnapshot(ctx, what, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	return readSnapshot(ctx, what, name, file)
}

func openSnapshot(ctx context.Context, what, name string) (*os.File, error) {
	file, err := openInterruptibly(ctx, name)
	if ctx.Err() != nil {
		return nil, readFailed(ctx, what, name, ctx.Err())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return file, nil
}

func readSnapshot(ctx context.Context, what, name string, in io.Reader) (*flow.Snapshot, error) {
	s, err := snapshot.Read(ctx, newInterruptibleReader(ctx, in))
	return s, readFailed(ctx, what, name, err)
}

// readFailed says what a file should have been, if it cannot be read.
func readFailed(ctx context.Context, what, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: reading %s was interrupted", what, name)
	case errors.Is(err, snapshot.ErrNotOurs): // that says what should be there
		return fmt.Errorf("%s: read %s: %w", what, name, err)
	}
	return fmt.Errorf("%s: read %s: %w: use the JSON of ctop --dump, a recording or a bundle", what, name, err)
}

// changesValue is a list of changes.
type changesValue []diff.Change

func (v *changesValue) String() string {
	names := make([]string, len(*v))
	for i, c := range *v {
		names[i] = c.String()
	}
	return strings.Join(names, ",")
}

func (v *changesValue) Type() string { return "CHANGE,..." }

func (v *changesValue) Set(s string) error {
	*v = nil
	for name := range strings.SplitSeq(s, ",") {
		i := slices.IndexFunc(diff.Changes(), func(c diff.Change) bool { return c.String() == strings.TrimSpace(name) })
		if i < 0 && s != "" {
			return fmt.Errorf("no change is called %q: use came, went or changed, with commas between them", name)
		}
		if i >= 0 {
			*v = append(*v, diff.Changes()[i])
		}
	}
	return nil
}

// keyValue is what flows are compared by.
type keyValue diff.Key

func (v *keyValue) String() string { return diff.Key(*v).String() }
func (v *keyValue) Type() string   { return "any|id|tuple" }

func (v *keyValue) Set(s string) error {
	i := slices.IndexFunc(diff.Keys(), func(k diff.Key) bool { return k.String() == s })
	if i < 0 {
		return fmt.Errorf("flows cannot be compared by %q: use any, id or tuple", s)
	}
	*v = keyValue(diff.Keys()[i])
	return nil
}
