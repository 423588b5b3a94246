package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ctop/internal/filter"
	"ctop/tracker"
)

// anyInterface is tcpdump's name of all interfaces.
const anyInterface = "any"

// dumpWords are names of a dump command in other programs.
var dumpWords = []string{"dump", "list", "ls", "show", "ps", "status", "count"}

// watchWords are words of other programs before an interface.
var watchWords = []string{
	"watch", "monitor", "sniff", "on", "dev", "iface", "interface",
	"start", "run", "up", "attach", "open", "top",
}

// rootForm is the form of ctop without a subcommand.
func rootForm(dump bool) form {
	if dump {
		return "ctop --dump"
	}
	return "ctop"
}

// formOf returns the form of a command that takes interfaces.
func formOf(cmd *cobra.Command, args []string) form {
	switch {
	case !cmd.HasParent():
		return rootForm(slices.Contains(args, "--dump"))
	case cmd.Name() == "capture":
		return captureForm
	case cmd.Name() == "record":
		return recordForm
	}
	return form(cmd.CommandPath())
}

// filters reports whether the command has a flag for a filter.
func (f form) filters() bool {
	return slices.Contains([]form{"ctop", "ctop --dump", "ctop events", captureForm}, f)
}

// parse reads a filter of the command.
func (f form) parse(words []string) (filter.Filter, error) {
	if f == "ctop" { // the console knows names
		return filter.ParseNamed(strings.Join(words, " "))
	}
	return filter.Parse(strings.Join(words, " "))
}

// isFilter reports whether some words are a filter.
func (f form) isFilter(words []string) bool {
	wanted, err := f.parse(words)
	return err == nil && !wanted.Empty()
}

// checkForeign returns an error about arguments that other programs take: a word before
// the interfaces, the interface any, commas, or a filter that follows no flag. It says
// what to write instead. With watch the interfaces are watched, however many they are.
func (f form) checkForeign(args []string, watch bool) error {
	if len(args) == 0 || isInterface(args[0]) {
		return f.instead("", args, watch)
	}
	switch word := strings.ToLower(args[0]); {
	case slices.Contains(dumpWords, word) && (f == "ctop" || f == "ctop --dump"):
		return form("ctop --dump").instead(fmt.Sprintf("no command is called %q", args[0]), args[1:], watch)
	case word == "trace" && f == "ctop":
		given := readArguments(args[1:])
		names := given.names()
		if len(names) == 0 {
			names = []string{"eth0"}
		}
		as := form("ctop --trace '" + strings.Join(given.words, " ") + "'")
		return usagef("no command is called %q: write %s", args[0], as.at(names, watch))
	case slices.Contains(watchWords, word):
		rest := args[1:]
		if len(rest) == 0 {
			rest = []string{"eth0"}
		}
		return f.instead(fmt.Sprintf("no command and no interface is called %q", args[0]), rest, true)
	}
	return f.instead("", args, watch)
}

// instead returns an error that says how to write some interfaces and a filter before or
// behind them. It returns nil if no problem is given or found.
func (f form) instead(problem string, args []string, watch bool) error {
	given := readArguments(args)
	problem, as := cmp.Or(problem, given.problem), f.at(given.all(), watch)
	if f.filters() {
		text, begin := strings.Join(given.words, " "), f.at(given.names(), watch)
		_, err := f.parse(given.words)
		var invalid *filter.Error
		switch {
		case f.isFilter(given.words):
			problem, as = cmp.Or(problem, text+" is a filter, not an interface"), begin+" --filter '"+text+"'"
		case errors.As(err, &invalid) && invalid.Column > 1: // it begins as one
			return usagef("%s is a filter, not an interface: write it with %s --filter (ctop help filters): %w", text, begin, err)
		}
	}
	if problem == "" {
		return nil
	}
	return usagef("%s: write %s", problem, as)
}

// arguments are those of a command that takes interfaces.
type arguments struct {
	// first and last are interfaces before and behind the words.
	first, words, last []string
	// problem is what is wrong with how the interfaces are written, if anything is.
	problem string
}

func readArguments(args []string) arguments {
	a := arguments{words: args}
	for len(a.words) > 0 {
		names := a.read(a.words[0])
		if names == nil {
			break
		}
		a.first, a.words = append(a.first, names...), a.words[1:]
	}
	for len(a.words) > 0 {
		n := len(a.words) - 1
		names := a.read(a.words[n])
		if names == nil {
			break
		}
		a.last, a.words = append(names, a.last...), a.words[:n]
	}
	return a
}

// read returns the interfaces of an argument, nil if it has something else.
func (a *arguments) read(arg string) []string {
	names, problem := strings.Split(arg, ","), ""
	if len(names) > 1 {
		problem = "interfaces are separated by spaces"
	}
	for i, name := range names {
		switch {
		case name == anyInterface:
			names[i], problem = tracker.All, fmt.Sprintf("no command and no interface is called %q", anyInterface)
		case !isInterface(name):
			return nil
		}
	}
	a.problem = cmp.Or(a.problem, problem)
	return names
}

func (a arguments) names() []string { return slices.Concat(a.first, a.last) }

// all returns the interfaces and the words, which may be interfaces that do not exist.
func (a arguments) all() []string { return slices.Concat(a.first, a.words, a.last) }

// at returns the beginning of a command line with some interfaces.
func (f form) at(interfaces []string, watch bool) string {
	words := append([]string{string(f)}, interfaces...)
	if slices.Contains(interfaces, tracker.All) {
		words = []string{string(f), "--watch", tracker.All}
	} else if len(interfaces) > 2 || watch && len(interfaces) > 1 {
		words = slices.Insert(words, 1, "--watch")
	}
	return strings.Join(words, " ")
}

// foreignFlag returns an error about a flag of another program, and says what to write
// instead. It returns nil about other flags.
func foreignFlag(cmd *cobra.Command, unknown *pflag.NotExistError, args []string) error {
	name := unknown.GetSpecifiedName()
	if name == "n" {
		return usagef("-n is not needed here: ctop prints addresses and ports, not names")
	}
	if cmd.Root().Name() != "ctop" { // a command over SSH, where these do not exist
		return nil
	}
	if isInterfaceFlag(name) {
		return interfaceFlag(cmd, args)
	}
	said := "--" + name
	if unknown.GetSpecifiedShortnames() != "" {
		said = "-" + name
	}
	if advice := flagInstead(cmd, name, formOf(cmd, args)); advice != "" {
		return usagef("%s has no flag %s: %s", cmd.CommandPath(), said, advice)
	}
	return nil
}

// flagInstead returns what replaces a flag of conntrack, tcpdump, iptstate or ss, empty if
// nothing is known to.
func flagInstead(cmd *cobra.Command, name string, as form) string {
	switch name {
	case "p", "s", "d", "proto", "protonum", "src", "dst", "orig-src", "orig-dst", "reply-src", "reply-dst",
		"sport", "dport", "orig-port-src", "orig-port-dst", "port", "host", "state", "src-filter", "dst-filter":
		switch {
		case as.filters() || cmd.Flags().Lookup("filter") != nil:
			return fmt.Sprintf("a filter selects flows, as in %s --filter 'tcp and src 10.0.0.1 and dst port 443'", as)
		case cmd.Flags().Lookup("all") != nil && cmd.Flags().Lookup("on") != nil:
			return fmt.Sprintf("a filter selects flows, as in %s tcp and src 10.0.0.1 and dst port 443", as)
		}
	case "json", "j", "xml":
		if cmd.Flags().Lookup("output") == nil {
			return ""
		}
		if as == "ctop" {
			as = "ctop --dump"
		}
		return fmt.Sprintf("write %s -o json", as)
	}
	if cmd.HasParent() {
		return ""
	}
	switch name {
	case "L", "list", "C", "count", "G", "get", "1", "single":
		return "write ctop --dump for the flows and their number"
	case "E", "event", "events":
		return "write ctop events"
	case "D", "delete":
		return "write ctop delete and a filter, as in ctop delete dst port 443"
	case "F", "flush":
		return "write ctop delete --all"
	case "w", "write":
		return "write packets with ctop capture -w FILE"
	case "c":
		return "write ctop capture -w FILE -c N for N packets, or ctop --dump --interval 1s --count N for N snapshots"
	case "r", "read":
		return "read packets with ctop replay FILE"
	case "V":
		return "write ctop --version"
	case "debug":
		return "write ctop -v"
	}
	return ""
}

func isInterfaceFlag(name string) bool {
	return slices.Contains([]string{"i", "interface", "iface", "dev", "device"}, name)
}

// interfaceFlag returns the error about an interface after a flag, as in tcpdump -i eth0.
func interfaceFlag(cmd *cobra.Command, args []string) error {
	switch {
	case cmd.Flags().Lookup("on") != nil && cmd.Flags().Lookup("all") != nil:
		return usagef("no flag selects an interface: write if:eth0 for flows that arrived there, or --on to select a tracker")
	case cmd.Flags().Lookup("on") != nil:
		return usagef("no flag selects an interface: write --on to select a tracker")
	case cmd.Flags().Lookup("watch") == nil && cmd.Name() != "down":
		return nil
	}
	words := wordsBehind(cmd, args)
	if len(words) == 0 {
		words = []string{"eth0"}
	}
	return formOf(cmd, args).instead("interfaces need no flag", words, false)
}

// wordsBehind returns the value of the first flag for an interface, and what follows
// without other flags and their values.
func wordsBehind(cmd *cobra.Command, args []string) (words []string) {
	found := false
	for i := 0; i < len(args); i++ {
		name, isFlag := strings.CutPrefix(args[i], "-")
		short := !strings.HasPrefix(name, "-")
		name, value, joined := strings.Cut(strings.TrimPrefix(name, "-"), "=")
		switch {
		case !isFlag && found:
			words = append(words, args[i])
		case !isFlag:
		case short && strings.Contains(name, "i"):
			found = true
			_, behind, _ := strings.Cut(name, "i")
			if behind += value; behind != "" {
				words = append(words, behind)
			}
		case isInterfaceFlag(name):
			if found = true; joined {
				words = append(words, value)
			}
		case !joined && takesValue(cmd, name, short):
			i++
		}
	}
	return words
}

// takesValue reports whether the next argument is the value of a flag, or of the last of
// several letters. Of letters it also knows those of tcpdump.
func takesValue(cmd *cobra.Command, name string, short bool) bool {
	f := cmd.Flags().Lookup(name)
	if short && name != "" {
		last := name[len(name)-1:]
		if f = cmd.Flags().ShorthandLookup(last); f == nil {
			return strings.Contains("BCFGTWcmrswyz", last)
		}
	}
	return f != nil && f.NoOptDefVal == ""
}

// foreignValue returns an error about a filter of several words without quotes, and about
// an interface in its place. It returns nil about other values.
func foreignValue(invalid *pflag.InvalidValueError, args []string) error {
	flag, value := invalid.GetFlag(), invalid.GetValue()
	if flag.Value.Type() != (*filterValue)(nil).Type() {
		return nil
	}
	if isInterface(value) {
		all := ""
		if flag.Name == "trace" {
			all = fmt.Sprintf(", or ctop --trace '' %s for all that it has", value)
		}
		return usagef("--%s: %s is an interface, not a filter: write if:%[2]s for flows that arrived there%[3]s", flag.Name, value, all)
	}
	i := slices.Index(args, value) + 1
	end := i
	for end < len(args) && i > 0 && !strings.HasPrefix(args[end], "-") && !isInterface(args[end]) {
		end++
	}
	if text := strings.Join(args[max(i-1, 0):end], " "); end > i {
		if _, err := filter.ParseNamed(text); err == nil {
			return usagef("--%s: quote a filter of several words, as in --%[1]s '%s'", flag.Name, text)
		}
	}
	return nil
}
