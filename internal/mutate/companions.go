package main

import (
	"slices"
	"strings"
)

// module is the prefix of all import paths.
const module = "ctop"

// suite is a package's tests, limited to those that match run if it is not
// empty.
type suite struct{ pkg, run string }

// trackerTests are the end-to-end tests that observe a tracker from outside,
// except floods, long ones, and those that know a process by its PID: in the sandbox it has
// another one.
var trackerTests = "^Test(" + strings.Join(slices.Concat(wireTests, watchTests, resetTests), "|") + ")"

// What the names of the tests begin with, in a wire, where a tracker watches, and of
// resets.
var (
	wireTests = []string{
		"DeleteIn", "FlowTimeout", "ChangedTimeoutIsShown", "Join", "LastOneOut", "DownAfterKill", "TakeOverAfterKill", "Keep",
		"ForeignProgram", "Interfaces", "Guard", "UseLater", "UnequalMTUs", "StockVethPairs", "CrossedTuples", "Trace", "Renamed", "BackWith",
	}
	watchTests = []string{
		"Watch$", "WatchAll", "WatchBehind", "WatchEnforce", "WatchKinds", "WatchLoopback", "WatchOwn", "WatchTun", "Watched",
		"EventsNameInterfaces", "NAT$", "NATRecords", "NoNAT", "SocketFacts", "WhoDatagram", "WhoIsGone", "WhoSameTuples",
	}
	resetTests = []string{
		"Reset$", "ResetAfter", "ResetBehind", "ResetIn", "ResetLeaves", "ResetLoopback", "ResetMany", "ResetOf", "ResetOwn",
		"ResetPassedOn", "ResetRemoves", "ResetTun", "ResetWatched",
	}
)

// shortTests are end-to-end tests of a second or two. Together they see most of what a
// tracker does, so they run where the others take too long.
var shortTests = "^Test(" + strings.Join([]string{
	"BackWithAnotherIndex", "DeleteInEnforceCuts", "EventsNameInterfaces", "FlowTimeout", "ForeignProgram",
	"ForeignProgramOnReturn", "Join", "Keep", "NoNAT", "RenamedMeanwhile", "ResetInEnforce", "ResetLeavesOthersAlone",
	"ResetLoopback", "ResetOfAnOpening", "ResetOwn", "ResetRemovesAtOnce", "ResetTun", "SocketFacts", "TakeOverAfterKill", "Trace",
	"UseLater", "WatchEnforce", "WatchLoopback", "WatchTun", "WatchedInterfaceReturns", "WatchedNames", "WatchedTwice",
	"WhoDatagram", "WhoSameTuples", "WhoServer",
}, "|") + ")$"

// pairTests are those of a half in its program, and standbyTests the end-to-end ones of a pair that
// take a few seconds.
const (
	pairTests    = "^Test(ListensForItsPartner|ToldToExporter)$"
	standbyTests = "^Test(Pair|PairIsShown|PairWithSmallerTable|PairRestartsInTurn)$"
)

// Tests of the program: those that read recordings and captures, those of bundles, of the
// demo, and of the server of consoles.
const (
	readingTests = "^Test(CapturedTCP|ConsoleCaptures|Diff|DiffOfBundles|DumpCompared|FillOfBundles|ReadCompared|RecordFile|RecordedAlerts|" +
		"Replay|ReplayAges|ReplayAlerts|ReplayCaptures|ReplayFiles|ReplayKinds|ReplayOfMany|ReplayWatched)$"
	bundleTests  = "^Test(DiffOfBundles|FillOfBundles|PrivilegedBundle)$"
	demoTests    = "^Test(LabsOf|LabsOfAFleet|PrivilegedDemo|PrivilegedTrace)$"
	servingTests = "^Test(EventsOverSSH|FleetOverSSHIsBounded|LostEventsOverSSH|RefusedOverSSH|RemoteCommands|RemoteDumpRepeats|TimeoutsOverSSH|ViewerIsNotAsked)$"
)

// shown are packages whose results the console and the outputs show.
var shown = []string{"alert", "conversation", "diff", "field", "filter", "format", "memory", "names", "order", "sick"}

// companions returns other packages whose tests should notice a change in pkg.
func companions(pkg string) []suite {
	in := func(dir string) bool { return strings.HasPrefix(pkg, module+"/"+dir) }
	switch {
	case in("ui/") && !in("ui/console"):
		// The golden views show every page.
		return []suite{{pkg: module + "/ui"}}
	case in("ui/console"):
		return []suite{{pkg: module + "/cmd/ctop", run: servingTests}}
	case in("tracker/flow"), slices.ContainsFunc(shown, func(name string) bool { return in("internal/" + name) }):
		// The rows say how the console and the outputs show a flow.
		return []suite{{pkg: module + "/cmd/ctop/output"}, {pkg: module + "/ui"}}
	case in("internal/fleet/agent"), in("internal/fleet/link"), in("internal/fleet/hub"), pkg == module+"/internal/fleet":
		// Consoles, hosts and a hub are tested together.
		return []suite{{pkg: module + "/internal/fleet/client"}}
	case in("internal/bundle"):
		return []suite{{pkg: module + "/cmd/ctop", run: bundleTests}}
	case in("internal/hello"):
		// It names the servers of real connections there.
		return []suite{{pkg: module + "/tracker/naming"}}
	case in("internal/lab"):
		// The demo and most end-to-end tests send their packets through it.
		return []suite{{pkg: module + "/cmd/ctop", run: demoTests}, {pkg: module + "/internal/e2e", run: shortTests}}
	case in("internal/pair"):
		return []suite{{pkg: module + "/internal/fleet/client"}, {pkg: module + "/internal/e2e", run: standbyTests}}
	case in("internal/capture"), in("internal/history"), in("internal/recording"), in("internal/packets"), in("internal/pcapng"),
		in("internal/snapshot"), in("internal/jsontext"):
		// What they read is compared with what the program prints of it.
		return []suite{{pkg: module + "/cmd/ctop", run: readingTests}}
	case in("internal/fleet/standby"):
		// It connects two halves: the consoles' tests forge one, and whole programs are a
		// pair end to end.
		return []suite{{pkg: module + "/internal/fleet/client"}, {pkg: module + "/cmd/ctop", run: pairTests}, {pkg: module + "/internal/e2e", run: standbyTests}}
	case in("tracker/replay"):
		return []suite{{pkg: module + "/cmd/ctop", run: readingTests}}
	case in("tracker"):
		// Only several of the tracker's packages together attach, track and
		// end.
		return []suite{{pkg: module + "/tracker"}, {pkg: module + "/tracker/replay"}, {pkg: module + "/internal/e2e", run: trackerTests}}
	}
	return nil
}

// suitesOf returns the function that returns the suites of a package: its own
// tests, and its companions unless only its own are wanted. Quick ones run short tests
// only.
func suitesOf(own, quick bool) func(pkg string) []suite {
	return func(pkg string) []suite {
		suites := []suite{{pkg: pkg}}
		if own {
			return suites
		}
		for _, s := range companions(pkg) {
			if quick && s.pkg == module+"/internal/e2e" {
				s.run = shortTests
			}
			suites = append(suites, s)
		}
		return suites
	}
}
