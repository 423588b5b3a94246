package main

import (
	"github.com/spf13/cobra"

	"ctop/tracker"
)

func newDownCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "down IF1 [IF2]...",
		Short: "Detach a tracker that was left running",
		Long: `Detach the tracker between two interfaces, or the one that watches the named
interfaces, whoever started it, restore the settings that it changed on the machine,
and remove its files. It also cleans up after a ctop that was killed.`,
		SuggestFor:        []string{"stop", "detach", "end", "kill", "off", "unload"},
		ValidArgsFunction: completeInterfaces,
		RunE: func(cmd *cobra.Command, args []string) error {
			names, err := form("ctop down").all(args)
			if err != nil {
				return err
			}
			return tracker.Down(cmd.Context(), names...)
		},
	}
}
