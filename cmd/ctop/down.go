package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"ctop/tracker"
)

func newDownCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "down [flags] IF1 [IF2]...",
		Short: "Detach a tracker that was left running",
		Long: `Detach the tracker between two interfaces, or the one that watches the named
interfaces, whoever started it, restore the settings that it changed on the machine,
and remove its files. It also cleans up after a ctop that was killed.`,
		SuggestFor:        []string{"stop", "detach", "end", "kill", "off", "unload"},
		ValidArgsFunction: completeInterfaces,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all {
				return downAll(cmd.Context(), args)
			}
			names, err := form("ctop down").all(args)
			if err != nil {
				return err
			}
			return tracker.Down(cmd.Context(), names...)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "detach every tracker of this network namespace")
	return cmd
}

// downAll detaches every tracker. That there is none is no failure.
func downAll(ctx context.Context, args []string) error {
	if len(args) > 0 {
		return usagef("--all and interfaces exclude each other: use only one of them")
	}
	running, err := tracker.Running()
	if err != nil {
		return err
	}
	return detachEach(running, func(interfaces ...string) error { return tracker.Down(ctx, interfaces...) })
}

// detachEach detaches trackers. That one is gone is no failure.
func detachEach(running [][]string, down func(interfaces ...string) error) error {
	var errs []error
	for _, interfaces := range running {
		if err := down(interfaces...); !errors.Is(err, tracker.ErrNotRunning) { // else it was going
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
