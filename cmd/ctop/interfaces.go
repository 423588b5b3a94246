package main

import (
	"net"
	"slices"
	"strings"
	"unicode"

	"ctop/internal/filter"
	"ctop/tracker"
)

// form is the beginning of a command line that takes interfaces. Errors about them
// show it with valid ones.
type form string

// pair returns the two interfaces of the command line. An alternative name stands for
// its interface.
func (f form) pair(args []string) ([]string, error) {
	switch {
	case len(args) == 0:
		return nil, usagef("name two interfaces, as in %s eth0 eth1", f)
	case len(args) == 1:
		return nil, usagef("%s is one interface: name two, as in %s %[1]s eth1", args[0], f)
	case len(args) > 2 && f.takesFilter(args):
		return nil, f.filterMeant(args)
	case len(args) > 2:
		return nil, usagef("too many names (%s): ctop stands between two interfaces", strings.Join(args, " "))
	}
	if f.takesFilter(args) {
		return nil, f.filterMeant(args)
	}
	a, b := interfaceName(args[0]), interfaceName(args[1])
	if a == b {
		return nil, usagef("%s was named twice: name two interfaces", args[0])
	}
	return []string{a, b}, nil
}

// pairOrNone also accepts no name, for the one running tracker, and one name, for the
// tracker of that interface.
func (f form) pairOrNone(args []string) ([]string, error) {
	switch len(args) {
	case 0:
		return nil, nil
	case 1:
		return f.pairWith(args[0])
	}
	return f.pair(args)
}

// pairWith returns the interfaces of the tracker that has one of them.
func (f form) pairWith(arg string) ([]string, error) {
	name := interfaceName(arg)
	running, err := tracker.Running()
	for _, interfaces := range running {
		if slices.Contains(interfaces, name) {
			return interfaces, nil
		}
	}
	switch {
	case f.takesFilter([]string{arg}):
		return nil, f.filterMeant([]string{arg})
	case !isInterface(name):
		return nil, noInterface(name)
	case err != nil:
		return nil, err
	}
	return nil, usagef("%s is one interface, and no tracker has it: name two, as in %s %[1]s eth1", arg, f)
}

// takesFilter reports whether the arguments are a filter, which this command takes as
// a flag.
func (f form) takesFilter(args []string) bool {
	switch f {
	case "ctop", "ctop --dump", "ctop events":
	default:
		return false
	}
	wanted, err := filter.Parse(strings.Join(args, " "))
	return err == nil && !wanted.Empty() && !slices.ContainsFunc(args, isInterface)
}

func (f form) filterMeant(args []string) error {
	text := strings.Join(args, " ")
	return usagef("%s is a filter, not an interface: write %s --filter '%[1]s'", text, f)
}

// interfaceName returns the name of the interface with this alternative name, or the
// name itself: a tracker may remain whose interface is gone.
func interfaceName(name string) string {
	if known, err := tracker.InterfaceName(name); err == nil {
		return known
	}
	return name
}

func isInterface(name string) bool {
	_, err := net.InterfaceByName(interfaceName(name))
	return err == nil
}

func noInterface(name string) error {
	return usagef("attach to %s: no such interface in this network namespace: \"ip link\" lists them", name)
}

// checkInterfaces refuses names of interfaces that do not exist. The tracker does so
// too, but by then the operator may have been told to find a terminal or to become
// root.
func checkInterfaces(names []string) error {
	for _, name := range names {
		if !isInterface(name) {
			return noInterface(name)
		}
	}
	return nil
}

// interfaceAmong returns a word that names an interface of this network namespace, as
// ctop down takes it.
func interfaceAmong(args []string) string {
	for word := range strings.FieldsFuncSeq(strings.Join(args, " "), aroundWords) {
		if isInterface(word) {
			return word
		}
	}
	return ""
}

// aroundWords reports the characters that separate the words of a filter.
func aroundWords(r rune) bool { return unicode.IsSpace(r) || r == '!' || r == '(' || r == ')' }

// onValue names the tracker to act on by its interfaces. It is a pflag.Value.
type onValue []string

func (v *onValue) String() string { return strings.Join(*v, ",") }

// Type is what help shows for the value.
func (v *onValue) Type() string { return "IF1,IF2" }

// Set takes two names, separated by a comma.
func (v *onValue) Set(s string) error {
	args := strings.Split(s, ",")
	if len(args) == 1 {
		return usagef("%s is one interface: name two, as in --on %[1]s,eth1", s)
	}
	names, err := form("--on").pair(args)
	if err != nil {
		return err
	}
	*v = names
	return nil
}
