package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"ctop/cmd/ctop/output"
	"ctop/internal/diff"
	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/ui"
)

const compareFlag = "compare"

// readCompared reads the snapshot with which the console compares the flows.
func (f *consoleFlags) readCompared() ([]ui.Option, error) {
	if f.compare == "" {
		return nil, nil
	}
	s, err := readSnapshotFile(context.Background(), compareFlag, f.compare)
	if err != nil {
		return nil, err
	}
	if n := len(s.Flows); n > ui.MostMarked {
		return nil, fmt.Errorf("--compare: %s has %s flows, and the console compares with at most %s: use ctop diff", f.compare, format.Count(n), format.Count(ui.MostMarked))
	}
	return []ui.Option{ui.WithCompared(s, filepath.Base(f.compare))}, nil
}

// checkDump refuses what a dump cannot do, and reads the snapshot with which it is compared. A
// variable names one for the console.
func (f *viewFlags) checkDump(cmd *cobra.Command, look *consoleFlags, repeat *repeatFlags) error {
	if !given(cmd, compareFlag) || look.compare == "" {
		return f.checkNames()
	}
	if repeat != nil && repeat.wanted() {
		return usagef("--compare and --interval exclude each other: use only one of them")
	}
	if given(cmd, "sort") {
		return usagef("--sort does not work with --compare, which shows the flows first that carried most")
	}
	if err := errors.Join(f.checkNamed(), f.wanted().CheckLearned()); err != nil {
		return usagef("--filter: %w", err)
	}
	s, err := readSnapshotFile(cmd.Context(), compareFlag, look.compare)
	if err != nil {
		return err
	}
	f.before = &output.Side{File: look.compare, Snapshot: s}
	return nil
}

// checkFleet refuses to compare a fleet, of which no console has all flows.
func (f *consoleFlags) checkFleet(cmd *cobra.Command, dump bool) error {
	if given(cmd, compareFlag) || f.compare != "" && !dump {
		return usagef("--compare needs all flows, of which the console of a fleet has the first: ctop fleet --dump -o json prints them, and ctop diff compares")
	}
	return nil
}

// write prints a snapshot, or how it differs from another one.
func (f *viewFlags) write(e env, v output.View) error {
	if f.before == nil {
		return e.write(f.output, v)
	}
	d := output.Diff{Before: *f.before, After: output.Side{Snapshot: v.Snapshot}, Result: diff.Compare(f.before.Snapshot, v.Snapshot, diff.ByAny)}
	d.Rows = changesOf(&d, f.wanted(), f.limit)
	return e.writeDiff(f.output, d)
}

// writeDiff prints a difference, and beside a table a summary of it.
func (e env) writeDiff(f output.Format, d output.Diff) error {
	if err := output.WriteDiff(e.stdout, f, d); err != nil {
		return writeFailed(err)
	}
	if f.Text() {
		e.note("%s", output.DiffSummary(d))
	}
	return nil
}

// changesOf returns the first changes of some kinds of the flows that pass a filter, as they were
// before or after.
func changesOf(d *output.Diff, wanted filter.Filter, limit limitValue, only ...diff.Change) []diff.Row {
	before, after := wanted.For(d.Before.Snapshot), wanted.For(d.After.Snapshot)
	rows := slices.DeleteFunc(slices.Clone(d.Result.Rows), func(row diff.Row) bool {
		matches := row.Before != nil && before.MatchRow(&row, row.Before) || row.After != nil && after.MatchRow(&row, row.After)
		return !matches || len(only) > 0 && !slices.Contains(only, row.Change)
	})
	if limit > 0 && len(rows) > int(limit) {
		rows = rows[:limit]
	}
	return rows
}
