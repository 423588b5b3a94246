package main

import "strings"

// module is the path that all packages begin with.
const module = "ctop"

// suite is a package's tests, or those of them that match run.
type suite struct{ pkg, run string }

// trackerTests are those end-to-end tests that show a tracker from outside, without the
// floods and the long ones.
const trackerTests = "^Test(DeleteIn|FlowTimeout|ChangedTimeoutIsShown|Join|LastOneOut|DownAfterKill|TakeOverAfterKill|Keep|" +
	"ForeignProgram|Interfaces|Guard|UseLater|UnequalMTUs|ResetRemoves|StockVethPairs|CrossedTuples|Trace|Renamed|BackWith)"

// companions returns the packages whose tests are meant to notice a change in pkg, beside
// its own.
func companions(pkg string) []suite {
	in := func(dir string) bool { return strings.HasPrefix(pkg, module+"/"+dir) }
	switch {
	case in("ui/") && !in("ui/console"):
		// The golden views show every page as it is drawn.
		return []suite{{pkg: module + "/ui"}}
	case in("internal/field"):
		// Its rows say how the console and the outputs show a flow.
		return []suite{{pkg: module + "/cmd/ctop/output"}, {pkg: module + "/ui"}}
	case in("tracker/flow"), in("tracker/replay"):
		return nil
	case in("tracker"):
		// A tracker is more than one of its packages: only together they attach,
		// track and end.
		return []suite{{pkg: module + "/tracker"}, {pkg: module + "/tracker/replay"}, {pkg: module + "/internal/e2e", run: trackerTests}}
	}
	return nil
}
