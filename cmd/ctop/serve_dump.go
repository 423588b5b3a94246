package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"ctop/cmd/ctop/output"
	"ctop/tracker/flow"
)

// dump prints one snapshot, or one after the other.
func (r remote) dump() *cobra.Command {
	var (
		view   viewFlags
		repeat repeatFlags
	)
	cmd := &cobra.Command{
		Use: "dump [flags]", Short: "Print one snapshot", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(view.checkNames(), repeat.check(cmd)); err != nil {
				return err
			}
			if !repeat.wanted() {
				return r.print(cmd.Context(), &view, output.View{})
			}
			return r.printRepeatedly(cmd.Context(), &view, repeat)
		},
	}
	view.register(cmd.Flags())
	repeat.register(cmd.Flags())
	return cmd
}

// print writes the latest snapshot, in the way that v says.
func (r remote) print(ctx context.Context, view *viewFlags, v output.View) error {
	if _, err := r.snapshot(ctx); err != nil {
		return err
	}
	s, done, err := r.dumps.begin(ctx, r.reader.Snapshot, r.role, r.end)
	if err != nil {
		return err
	}
	defer done()
	v.Snapshot, v.Rows, v.Joined = s, r.dumps.arrange(view, s), true
	to := r.env
	to.stdout = endable{ctx, to.stdout}
	return to.write(view.output, v)
}

// printRepeatedly writes a snapshot after every interval, until there are enough
// of them or the client is gone.
func (r remote) printRepeatedly(ctx context.Context, view *viewFlags, repeat repeatFlags) error {
	tick := time.NewTicker(repeat.interval.duration())
	defer tick.Stop()
	for n := 0; repeat.count == 0 || n < int(repeat.count); n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := r.print(ctx, view, output.View{Stamped: true, Continued: n > 0}); err != nil {
			return err
		}
	}
	return nil
}

// arrange filters and sorts for one dump at a time.
func (d *dumps) arrange(view *viewFlags, s *flow.Snapshot) []*flow.Flow {
	d.arranging.Lock()
	defer d.arranging.Unlock()
	return view.arrange(s)
}

// endable is written to until a context is done.
type endable struct {
	ctx context.Context //nolint:containedctx // Write has none
	w   io.Writer
}

// Write writes, or says why the context is done.
func (e endable) Write(p []byte) (int, error) {
	if e.ctx.Err() != nil {
		return 0, context.Cause(e.ctx)
	}
	return e.w.Write(p)
}
