package main

import (
	"net"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ctop/tracker"
)

// shells returns the shells that completion scripts are made for.
func shells() []string { return []string{"bash", "zsh", "fish", "powershell"} }

func newCompletionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print the completion script for a shell",
		Long: `Print the completion script for bash, zsh, fish or powershell. To load it into
the running shell:

  source <(ctop completion bash)`,
		ValidArgs: shells(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shells(), args[0]) {
				return usagef("name one shell: %s", strings.Join(shells(), ", "))
			}
			return writeFailed(writeCompletion(cmd, args[0]))
		},
	}
}

func writeCompletion(cmd *cobra.Command, shell string) error {
	root, w := cmd.Root(), cmd.OutOrStdout()
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(w, true)
	case "zsh":
		return root.GenZshCompletion(w)
	case "fish":
		return root.GenFishCompletion(w, true)
	default:
		return root.GenPowerShellCompletionWithDesc(w)
	}
}

// completeInterfaces offers the interfaces that are not on the line yet.
func completeInterfaces(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	interfaces, err := net.Interfaces()
	if err != nil || len(args) >= 2 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback == 0 && !slices.Contains(args, i.Name) {
			names = append(names, i.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeTimeouts offers names up to where the duration begins.
func completeTimeouts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, n := range tracker.TimeoutNames() {
		names = append(names, n.String()+"=")
	}
	return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// noArguments refuses what nobody would look at.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments: leave out %s", cmd.CommandPath(), strings.Join(args, " "))
	}
	return nil
}
