package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"ctop/tracker/flow"
)

func (r remote) dumpCommand() *cobra.Command {
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
			to := r.env
			to.stdout = endable{cmd.Context(), to.stdout}
			return dump{
				env: to, view: &view, repeat: &repeat, joined: true, next: r.next, arranging: &r.dumps.arranging,
			}.print(cmd.Context())
		},
	}
	view.register(cmd.Flags())
	repeat.register(cmd.Flags())
	return cmd
}

// next waits until a dump may be sent, and returns its snapshot.
func (r remote) next(ctx context.Context) (s *flow.Snapshot, done func(), err error) {
	if _, err := r.snapshot(ctx, true); err != nil {
		return nil, nil, err
	}
	return r.dumps.begin(ctx, r.reader.Snapshot, r.role, r.end)
}

// endable is a writer that fails when its context is done.
type endable struct {
	ctx context.Context //nolint:containedctx // Write has none
	w   io.Writer
}

// Write writes, or returns why the context is done.
func (e endable) Write(p []byte) (int, error) {
	if e.ctx.Err() != nil {
		return 0, context.Cause(e.ctx)
	}
	return e.w.Write(p)
}
