package main

import (
	"github.com/spf13/cobra"

	"ctop/tracker/flow"
)

func newDeleteCommand(e env, verbose *bool) *cobra.Command {
	return newEndCommand(e, verbose, flow.ActDelete, &cobra.Command{
		Use:        "delete [flags] FILTER",
		SuggestFor: []string{"flush", "remove", "rm", "drop"},
		Short:      "Delete the flows that match a filter",
		Long: `Delete the flows that match a filter from the running tracker, and print their
number. Under observe, or while the other host of a pair lives, the next packet
picks up a deleted flow again; under enforce, deleting cuts the connection.

On a terminal it shows the flows and asks first. A script, whose stdin is not a
terminal, is not asked. It is no error if no flow matches.`,
		Example: `  ctop delete tcp dst port 443
  ctop delete src:10.0.0.7 '!state:established'
  ctop delete --dry-run 'idle>1h'
  ctop delete --all`,
	})
}
