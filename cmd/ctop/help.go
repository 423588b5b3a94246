package main

import (
	"github.com/spf13/cobra"
)

// newHelpCommand replaces cobra's, which succeeds for an unknown command.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help of a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && args[0] == cmd.Root().Name() {
				args = args[1:]
			}
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("no command is called %q: ctop help lists them", args[len(args)-1])
			}
			about.InitDefaultHelpFlag()
			about.InitDefaultVersionFlag()
			return about.Help()
		},
	}
}
