package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"ctop/bpf"
	reference "ctop/internal/bench/bpf"
	"ctop/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// budgetFile has the number of instructions allowed for each program, and the
// helpers that the fast path may call, with their number of calls.
const budgetFile = "testdata/budget.txt"

// TestBudget compares the compiled programs with their budget. The counts are
// the same on every machine, however busy. make bench measures run times.
func TestBudget(t *testing.T) {
	counts := map[string]int{}
	short, err := reference.LoadShort()
	must(t, err)
	whole, err := bpf.LoadConntrack()
	must(t, err)
	count(counts, "short_plain", short.Programs["short_plain"], true)
	count(counts, "ctop_xdp", whole.Programs["ctop_xdp"], false)
	count(counts, "ctop_tc", whole.Programs["ctop_tc"], false)
	countNames(counts, whole.Programs["ctop_watch_out"])
	who, err := bpf.LoadWho()
	must(t, err)
	for name, program := range who.Programs {
		count(counts, name, program, false)
	}

	budget := readBudget(t)
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		limit, ok := budget[name]
		if !ok || counts[name] > limit {
			t.Errorf("%s is %d, its budget %d: make it cheaper, or change %s and say why, with what make bench measures", name, counts[name], limit, budgetFile)
		}
		delete(budget, name)
	}
	for name := range budget {
		t.Errorf("%s has a budget, and is not there", name)
	}
}

// count adds a program's instructions and, if requested, the helpers that it
// calls. It does not follow functions that are called only in rare cases.
func count(counts map[string]int, name string, program *ebpf.ProgramSpec, helpers bool) {
	own := true
	for i, ins := range program.Instructions {
		if i > 0 && ins.Symbol() != "" && !strings.HasPrefix(ins.Symbol(), "LBB") {
			own = false
		}
		if helpers && !own {
			continue
		}
		counts[name+" instructions"]++
		if helpers && ins.IsBuiltinCall() {
			counts[name+" "+asm.BuiltinFunc(ins.Constant).String()]++
		}
	}
}

// countNames adds the instructions of the functions that look for the process behind a flow.
// A packet that begins, changes or ends one comes by them, where processes are looked for.
func countNames(counts map[string]int, program *ebpf.ProgramSpec) {
	name := ""
	for _, ins := range program.Instructions {
		if symbol := ins.Symbol(); symbol != "" && !strings.HasPrefix(symbol, "LBB") {
			name = symbol
		}
		if strings.HasPrefix(name, "who_") {
			counts[name+" instructions"]++
		}
	}
}

func readBudget(t *testing.T) map[string]int {
	t.Helper()
	file, err := os.Open(budgetFile)
	must(t, err)
	defer func() { _ = file.Close() }()
	budget := map[string]int{}
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		var program, what string
		var limit int
		if strings.HasPrefix(scanner.Text(), "#") || scanner.Text() == "" {
			continue
		}
		if _, err := fmt.Sscan(scanner.Text(), &program, &what, &limit); err != nil {
			t.Fatalf("%s: %q: %v", budgetFile, scanner.Text(), err)
		}
		budget[program+" "+what] = limit
	}
	must(t, scanner.Err())
	return budget
}

// Wide bounds for the ratios of an established segment to a look-up and to one
// with a lock. make bench has the narrow bounds.
const (
	mostOfLookup = 1.0
	mostOfLocked = 0.6
)

// TestShortWay compares the cost of an established segment with one look-up and
// with a lock per packet. Samples are taken in turn, and one of several tries
// is enough, so that a busy machine does not matter.
func TestShortWay(t *testing.T) {
	lab.Require(t)
	release, err := pin(packetCPU)
	must(t, err)
	defer release()
	b, err := newVariant("")
	must(t, err)
	defer b.close()
	var ofLookup, ofLocked float64
	for range 10 {
		rows, err := interleave(t.Context(), 20, []probe{
			b.plain("look-up + redirect", progLookup, dataFrame(), xdpRedirect),
			b.plain("lock per packet", progLocked, dataFrame(), xdpRedirect),
			b.plain("ctop", progCtop, dataFrame(), xdpRedirect),
		})
		must(t, err)
		ofLookup, ofLocked = medianOfRatios(rows[2], rows[0]), medianOfRatios(rows[2], rows[1])
		if ofLookup <= mostOfLookup && ofLocked <= mostOfLocked {
			t.Logf("an established segment: %.2f of a look-up, %.2f of one with a lock", ofLookup, ofLocked)
			return
		}
	}
	t.Errorf("an established segment takes %.2f of a look-up and %.2f of one with a lock, at most %g and %g: something was added to the fast path",
		ofLookup, ofLocked, mostOfLookup, mostOfLocked)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
