package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui"
)

func newResetCommand(e env, verbose *bool) *cobra.Command {
	return newEndCommand(e, verbose, flow.ActReset, &cobra.Command{
		Use:   "reset [flags] FILTER",
		Short: "Reset the TCP connections that match a filter, at both ends",
		Long: `Reset the TCP connections that match a filter at both ends, and print their
number. Each end gets a RST with exactly the number that it expects, so the
program there sees "connection reset by peer", also if it is idle. Where ctop
watches, the kernel ends the sockets of this machine: their program sees "software
caused connection abort". Only TCP can be reset; other flows that match are counted
and go on. To forget a flow and leave its ends alone, use ctop delete.

On a terminal it shows the flows and asks first. A script, whose stdin is not a
terminal, is not asked. It is no error if no flow matches. The exit status is 1 if
a connection goes on all the same.`,
		Example: `  ctop reset tcp dst port 443
  ctop reset src:10.0.0.7 state:established
  ctop reset --dry-run 'idle>1h'
  ctop reset --all --max 100`,
	})
}

// printReset prints what became of a reset. It is an error if a connection goes on.
func (e env) printReset(o flow.Outcome) error {
	if _, err := io.WriteString(e.stdout, ui.ResetText(o)+"\n"); err != nil {
		return writeFailed(err)
	}
	if n := o.Alive + o.Unsent; n > 0 {
		return fmt.Errorf("reset: %s: ctop delete forgets a flow without telling its ends", format.Plural(n, "flow"))
	}
	return nil
}
