package main

import "strings"

// module is the prefix of all import paths.
const module = "ctop"

// suite is a package's tests, limited to those that match run if it is not
// empty.
type suite struct{ pkg, run string }

// trackerTests are the end-to-end tests that observe a tracker from outside,
// except floods and long ones.
const trackerTests = "^Test(DeleteIn|FlowTimeout|ChangedTimeoutIsShown|Join|LastOneOut|DownAfterKill|TakeOverAfterKill|Keep|" +
	"ForeignProgram|Interfaces|Guard|UseLater|UnequalMTUs|ResetRemoves|StockVethPairs|CrossedTuples|Trace|Renamed|BackWith)"

// companions returns other packages whose tests should notice a change in pkg.
func companions(pkg string) []suite {
	in := func(dir string) bool { return strings.HasPrefix(pkg, module+"/"+dir) }
	switch {
	case in("ui/") && !in("ui/console"):
		// The golden views show every page.
		return []suite{{pkg: module + "/ui"}}
	case in("internal/field"):
		// The rows say how the console and the outputs show a flow.
		return []suite{{pkg: module + "/cmd/ctop/output"}, {pkg: module + "/ui"}}
	case in("tracker/flow"), in("tracker/replay"):
		return nil
	case in("tracker"):
		// Only several of the tracker's packages together attach, track and
		// end.
		return []suite{{pkg: module + "/tracker"}, {pkg: module + "/tracker/replay"}, {pkg: module + "/internal/e2e", run: trackerTests}}
	}
	return nil
}

// suitesOf returns the function that returns the suites of a package: its own
// tests, and its companions unless only its own are wanted.
func suitesOf(own, quick bool) func(pkg string) []suite {
	return func(pkg string) []suite {
		suites := []suite{{pkg: pkg}}
		if own {
			return suites
		}
		for _, s := range companions(pkg) {
			if !quick || s.pkg != module+"/internal/e2e" {
				suites = append(suites, s)
			}
		}
		return suites
	}
}
