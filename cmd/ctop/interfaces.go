package main

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"unicode"

	"ctop/tracker"
)

// form is the beginning of a command line that takes interfaces. Errors complete it to
// an example.
type form string

// example says which interfaces to name.
func (f form) example() string {
	return fmt.Sprintf("name an interface, as in %s eth0, or two, as in %[1]s eth0 eth1", f)
}

// pair returns the two interfaces of the command line. It accepts alternative names.
func (f form) pair(args []string) ([]string, error) {
	switch {
	case len(args) == 0:
		return nil, usagef("%s", f.example())
	case len(args) == 1:
		return nil, usagef("%s is one interface: name two, as in %s %[1]s eth1", args[0], f)
	case len(args) > 2:
		hint := ""
		if f.filters() {
			if f.isFilter(args[1:]) && !isInterface(args[0]) {
				return nil, noInterface(args[0])
			}
			hint = "; a filter comes after --filter (ctop help filters)"
		}
		return nil, usagef("too many names (%s): ctop stands between two interfaces, or watches several, with --watch%s", strings.Join(args, " "), hint)
	}
	a, b := interfaceName(args[0]), interfaceName(args[1])
	if a == b {
		return nil, usagef("%s was named twice: name two interfaces", args[0])
	}
	return []string{a, b}, nil
}

// place returns the interfaces to which a tracker attaches. With two interfaces it
// stands between them. It watches a single interface, and with --watch all of them.
func (f form) place(args []string, watch bool) ([]string, error) {
	if err := f.checkForeign(args, watch); err != nil {
		return nil, err
	}
	switch {
	case !watch && len(args) == 1 && args[0] == tracker.All:
		return nil, usagef("%s needs --watch, as in %s --watch %[1]s", tracker.All, f)
	case watch && len(args) > 1 && slices.Contains(args, tracker.All):
		return nil, usagef("%s is every interface: name no others, as in %s --watch %[1]s", tracker.All, f)
	case watch && len(args) == 0:
		return nil, usagef("name the interfaces to watch, as in %s --watch eth0", f)
	case len(args) == 0 || !watch && len(args) > 1:
		return f.pair(args)
	}
	return distinct(args)
}

// distinct returns the interfaces with the given names, and refuses duplicates. It
// accepts alternative names.
func distinct(args []string) ([]string, error) {
	var names []string
	for _, arg := range args {
		name := interfaceName(arg)
		if slices.Contains(names, name) {
			return nil, usagef("%s was named twice: name it once", arg)
		}
		names = append(names, name)
	}
	return names, nil
}

// placeOrNone is like place, but also accepts no name, for the one running tracker. One
// name selects the running tracker that has the interface.
func (f form) placeOrNone(args []string, watch bool) ([]string, error) {
	if len(args) == 0 && !watch {
		return nil, nil
	}
	if len(args) == 1 {
		if interfaces, err := trackerOf(interfaceName(args[0])); interfaces != nil || err != nil && isInterface(args[0]) {
			return interfaces, err
		}
	}
	names, err := f.place(args, watch)
	if err == nil && len(names) == 1 {
		err = checkInterfaces(names)
	}
	return names, err
}

// trackerOf returns the interfaces of the running tracker that has this one, none if no
// tracker has it.
func trackerOf(name string) ([]string, error) { return tracker.Holding(name) }

// all returns the interfaces of a tracker, all of which the command line must name.
func (f form) all(args []string) ([]string, error) {
	switch {
	case len(args) == 0:
		return nil, usagef("name the interfaces of the tracker, as in %s eth0, or use %[1]s --all", f)
	case len(args) == 2:
		return f.pair(args)
	case len(args) > 2:
		return distinct(args)
	}
	names, _ := distinct(args)
	interfaces, _ := trackerOf(names[0])
	switch {
	case len(interfaces) > 1:
		return nil, usagef("%s is one interface of a tracker: name all, as in %s %s", args[0], f, strings.Join(interfaces, " "))
	case len(interfaces) == 1 && interfaces[0] == tracker.All && names[0] != tracker.All:
		return nil, usagef("%s is one of all interfaces that a tracker watches: name %s, as in %s %[2]s", args[0], tracker.All, f)
	case interfaces == nil && !isInterface(names[0]):
		return nil, usagef("no tracker has %s, and no interface is called that: %s --all ends every tracker", args[0], f)
	}
	return names, nil
}

// interfaceName returns the name of the interface with this alternative name. It
// returns the name itself if there is no such interface, since the interface of a
// running tracker may be gone.
func interfaceName(name string) string {
	if known, err := tracker.InterfaceName(name); err == nil {
		return known
	}
	return name
}

func isInterface(name string) bool {
	if name == tracker.All {
		return true // it stands for them
	}
	_, err := net.InterfaceByName(interfaceName(name))
	return err == nil
}

func noInterface(name string) error {
	return usagef("attach to %s: no such interface in this network namespace: \"ip link\" lists them", name)
}

// checkInterfaces refuses interfaces that do not exist. The tracker would refuse them
// too, but only after the checks for a terminal and for root.
func checkInterfaces(names []string) error {
	for _, name := range names {
		if !isInterface(name) {
			return noInterface(name)
		}
	}
	return nil
}

// interfaceAmong returns a word of the arguments that names an interface, empty if none
// does.
func interfaceAmong(args []string) string {
	for word := range strings.FieldsFuncSeq(strings.Join(args, " "), aroundWords) {
		if isInterface(word) {
			return word
		}
	}
	return ""
}

// aroundWords reports whether a character separates words of a filter.
func aroundWords(r rune) bool { return unicode.IsSpace(r) || r == '!' || r == '(' || r == ')' }

// onValue is a pflag.Value that selects a running tracker by its interfaces.
type onValue []string

func (v *onValue) String() string { return strings.Join(*v, ",") }

// Type returns the placeholder of the value in the help.
func (v *onValue) Type() string { return "IF1,IF2" }

// Set accepts names separated by commas. One name selects the tracker that has the
// interface.
func (v *onValue) Set(s string) error {
	names, err := distinct(strings.Split(s, ","))
	if err != nil {
		return err
	}
	if len(names) == 1 {
		interfaces, err := trackerOf(names[0])
		if interfaces == nil && err == nil {
			return usagef("%s is one interface: name two, as in --on %[1]s,eth1", s)
		}
		if interfaces != nil {
			names = interfaces
		}
	}
	*v = names
	return nil
}
