package main

import (
	"io"
	"net"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ctop/internal/diff"
	"ctop/internal/filter"
	"ctop/internal/order"
	"ctop/tracker"
	"ctop/tracker/flow"
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
		if err := root.GenBashCompletionV2(w, true); err != nil {
			return err
		}
		_, err := io.WriteString(w, bashWords)
		return err
	case "zsh":
		return root.GenZshCompletion(w)
	case "fish":
		return root.GenFishCompletion(w, true)
	default:
		return root.GenPowerShellCompletionWithDesc(w)
	}
}

// bashWords replaces a function of the script that fails without the package
// bash-completion. It then finds the words itself: bash has cut them at = and :.
const bashWords = `
__ctop_init_completion()
{
    COMPREPLY=()
    if declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
        _get_comp_words_by_ref "$@" cur prev words cword
        return
    fi
    local i word last="" rest=${COMP_LINE:0:COMP_POINT}
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i == COMP_CWORD)); then
            word=${rest#"${rest%%[![:blank:]]*}"} # up to the cursor
        fi
        if ((i > 0)) && [[ $rest != [[:blank:]]* && ( $word == [=:]* || $last == *[=:] ) ]]; then
            words[${#words[@]}-1]+=$word
        else
            words+=("$word")
        fi
        rest=${rest#*"$word"}
        last=$word
    done
    cword=$((${#words[@]} - 1))
    cur=${words[cword]}
    prev=${words[cword > 0 ? cword - 1 : 0]}
}
`

// completeInterfaces offers the interfaces that are not on the line yet.
func completeInterfaces(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	interfaces, err := net.Interfaces()
	watch := given(cmd, "watch")
	if err != nil || len(args) >= 2 && !watch {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, i := range interfaces {
		if (i.Flags&net.FlagLoopback == 0 || watch) && !slices.Contains(args, i.Name) {
			names = append(names, i.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeTimeouts offers names of timeouts, until the duration begins.
func completeTimeouts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, n := range flow.TimeoutNames() {
		names = append(names, n.String()+"=")
	}
	return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeFilter completes the last word of a filter: fields, protocols, states.
func completeFilter(_ *cobra.Command, _ []string, text string) ([]string, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	completed, ways := filter.Complete(text)
	if len(ways) == 0 {
		return nil, directive
	}
	// The completed text ends with what the completions have in common.
	stem := strings.TrimSuffix(completed, commonStart(ways[0], ways))
	whole := make([]string, len(ways))
	for i, way := range ways {
		whole[i] = stem + way
	}
	return whole, directive
}

// commonStart returns the common beginning of a word and all the others.
func commonStart(word string, others []string) string {
	for _, other := range others {
		for !strings.HasPrefix(other, word) {
			word = word[:len(word)-1]
		}
	}
	return word
}

// completeSort offers the keys, and their directions once the key is there.
func completeSort(_ *cobra.Command, _ []string, text string) ([]string, cobra.ShellCompDirective) {
	if name, _, ok := strings.Cut(text, ":"); ok {
		return []string{name + ":asc", name + ":desc"}, cobra.ShellCompDirectiveNoFileComp
	}
	return order.Keys(), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeChanges offers the changes that a list does not have yet.
func completeChanges(_ *cobra.Command, _ []string, text string) ([]string, cobra.ShellCompDirective) {
	chosen := text[:strings.LastIndexByte(text, ',')+1]
	var lists []string
	for _, c := range diff.Changes() {
		if !strings.Contains(","+chosen, ","+c.String()+",") {
			lists = append(lists, chosen+c.String())
		}
	}
	return lists, cobra.ShellCompDirectiveNoFileComp
}

// completeOn offers the interface pairs of the running trackers.
func completeOn(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	running, err := tracker.Running()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var pairs []string
	for _, p := range running {
		pairs = append(pairs, strings.Join(p, ","))
	}
	return pairs, cobra.ShellCompDirectiveNoFileComp
}

// completeFlags lets the shell complete the values of every command's flags. The type
// of a flag with fixed values lists them.
func completeFlags(root *cobra.Command) {
	known := map[string]cobra.CompletionFunc{
		"timeout": completeTimeouts, "filter": completeFilter, "sort": completeSort, "on": completeOn,
		"only": completeChanges, "host": cobra.NoFileCompletions,
		"names": cobra.FixedCompletions([]string{namesValues[namesTraffic]}, cobra.ShellCompDirectiveNoFileComp),
	}
	for _, cmd := range everyCommand(root) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			complete, ok := known[f.Name]
			if _, shown := f.Annotations[shownOnly]; shown {
				complete = cobra.NoFileCompletions
			}
			if kind := f.Value.Type(); !ok && strings.Contains(kind, "|") {
				complete = cobra.FixedCompletions(strings.Split(kind, "|"), cobra.ShellCompDirectiveNoFileComp)
			}
			if complete != nil {
				// It fails only for a flag that is not there.
				_ = cmd.RegisterFlagCompletionFunc(f.Name, complete)
			}
		})
	}
}

// noArguments refuses arguments that the command would ignore.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments: leave out %s", cmd.CommandPath(), strings.Join(args, " "))
	}
	return nil
}
