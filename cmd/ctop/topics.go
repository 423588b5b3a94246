package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/tracker/flow"
)

// These texts are used by ctop help, the help topics and the manual page.

const exitText = `The exit status is 0 on success, 1 after a failure and 2 for wrong usage. A failure
prints one line on stderr that says what to do about it. Data goes to stdout,
everything else to stderr.`

const filterIntro = `A filter selects flows. --filter, ctop delete, ctop reset and / in the console use the same
language. Terms beside each other must all hold. A filter that cannot be parsed is
an error that names the column; it never matches something else.`

const tcpdumpIntro = "tcpdump's expressions mean the same as in tcpdump:"

const configIntro = `Flags, variables and files set the same values under the same names. A flag on the
command line overrides a variable. A variable overrides the user's file, which
overrides the machine's file.`

const configExample = `  policy = "enforce"
  max-flows = 1_000_000
  keep = true

  [timeout]
  tcp_established = "1h"
  icmp = "10s"

  [alert.ssh-scan]
  filter = "dport:22 state:syn_sent age<10s"
  count = 100           # at least so many flows,
  for = "5s"            # for so long

  [alert.backup]
  filter = "host:10.0.0.9"
  rate = "500M"         # bits per second of all of them together
  bell = true`

// paragraph is a name and its meaning, as help and manual list them.
type paragraph struct{ name, text string }

func variables() []paragraph {
	return []paragraph{
		{"CTOP_MAX_FLOWS, ...", "the value of --max-flows; likewise for every flag except --help, --version, --all, --yes and --dry-run"},
		{"NO_COLOR", "no colours, if it is set to any value"},
		{"TERM", "the terminal type; dumb means no colours"},
		{"XDG_CONFIG_HOME", "directory of the user's configuration, by default ~/.config"},
		{"XDG_STATE_HOME", "directory of the console's settings and of the files of ctop serve, by default /var/lib for root and ~/.local/state for others"},
	}
}

func files() []paragraph {
	return []paragraph{
		{"$XDG_CONFIG_HOME/ctop/config.toml", "the user's configuration"},
		{systemConfig, "the machine's configuration"},
		{"/etc/ctop/NAME.conf", "variables of ctop@NAME.service, an instance of the service"},
		{"$XDG_STATE_HOME/ctop/console.json", "the settings of the console: columns, order, units"},
		{"/sys/fs/bpf/ctop", "the pins of the running trackers"},
		{"/run/ctop", "settings changed by trackers whose pins may disappear with their process, so that they can be restored after a kill"},
	}
}

// stateText lists the states of a flow.
func stateText() string {
	return "A flow is in one of the states " + inOneLine(flow.States()) + `.
ESTABLISHED means answered. Only TCP has states other than NEW and ESTABLISHED. A
flow ends when it has been silent for its state's timeout. The timeouts, each with its
default and its value under --profile rfc:`
}

func timeoutList() []paragraph {
	short, err := flow.ParseProfile("rfc")
	if err != nil { // it is one of two that there are
		return nil
	}
	var list []paragraph
	for _, name := range flow.TimeoutNames() {
		list = append(list, paragraph{name.String(), format.Timeout(flow.DefaultTimeouts()[name]) + ", " + format.Timeout(short[name])})
	}
	return list
}

// eventText lists the kinds of events and the reasons of a flow's end.
func eventText() string {
	kinds := []flow.EventType{flow.EventNew, flow.EventUpdate, flow.EventDestroy}
	return "An event is one of " + inOneLine(kinds) + ", or " + flow.EventLost.String() + ` if
the kernel had no room for some. A flow ends for one of these reasons: ` + inOneLine(flow.Reasons()) + "."
}

func inOneLine[T fmt.Stringer](list []T) string {
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = v.String()
	}
	return strings.Join(names, ", ")
}

// rows writes paragraphs one below the other.
func rows(list []paragraph) string {
	width := 0
	for _, p := range list {
		width = max(width, len([]rune(p.name)))
	}
	var b strings.Builder
	for _, p := range list {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, p.name, p.text)
	}
	return b.String()
}

func filterForms() []paragraph { return paragraphs(filter.Forms()) }
func filterTerms() []paragraph { return paragraphs(filter.Terms()) }

func filterEquivalents() []paragraph { return paragraphs(filter.Equivalents()) }

func paragraphs(list []filter.Row) []paragraph {
	var all []paragraph
	for _, r := range list {
		all = append(all, paragraph{r.Form, r.Means})
	}
	return all
}

// newFilterTopic is a help page, not a command.
func newFilterTopic() *cobra.Command {
	return &cobra.Command{
		Use:     "filters",
		Aliases: []string{"filter"},
		Short:   "Filter syntax",
		Long: filterIntro + "\n\n" + rows(filterForms()) + "\nTerms:\n\n" + rows(filterTerms()) +
			"\n" + tcpdumpIntro + "\n\n" + rows(filterEquivalents()) + "\n" + filter.Differences,
	}
}

// newConfigTopic explains the settings of the given commands.
func newConfigTopic(commands []*cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Configuration files and variables",
		Long: configIntro + "\n\nFiles:\n\n" + rows(files()) + "\nVariables:\n\n" + rows(variables()) +
			"\nThe configuration is written in TOML, as in\n\n" + configExample +
			"\n\nThe settings are\n\n" + wrapped(slices.Values(settingNames(commands))),
	}
}

// wrapped writes names side by side, up to the width of a line.
func wrapped(names func(yield func(string) bool)) string {
	const width = 76
	line, text := "", ""
	for name := range names {
		if len(line)+len(name)+2 > width {
			text, line = text+"  "+strings.TrimRight(line, " ")+"\n", ""
		}
		line += name + ", "
	}
	return text + "  " + strings.TrimSuffix(line, ", ")
}
