package main

import "strings"

// module is the path that all packages begin with.
const module = "ctop"

// suite is a package's tests, or those of them that match run.
type suite struct{ pkg, run string }

// companions returns the packages whose tests are meant to notice a change in pkg, beside
// its own.
func companions(pkg string) []suite {
	if strings.HasPrefix(pkg, module+"/ui/") && pkg != module+"/ui/console" {
		// The golden views show every page as it is drawn.
		return []suite{{pkg: module + "/ui"}}
	}
	return nil
}
