package judge

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ctop/internal/script"
)

// tally adds up the outcomes of many sequences.
type tally struct {
	sequences, packets, agreed, unjudged int
	differences                          map[string]int
	failures                             map[signature]int
	first                                map[signature]*script.Sequence
}

func newTally() *tally {
	return &tally{
		differences: map[string]int{}, failures: map[signature]int{}, first: map[signature]*script.Sequence{},
	}
}

func (y *tally) add(s *script.Sequence, o *outcome) {
	y.sequences++
	y.packets += o.packets
	y.agreed += o.agreed
	y.unjudged += o.unjudged
	for _, name := range o.differences {
		y.differences[name]++
	}
	if o.failed != nil {
		sign := signatureOf(o.failed)
		y.failures[sign]++
		if y.first[sign] == nil {
			y.first[sign] = s
		}
	}
}

// String lists every class of difference with its count.
func (y *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d sequences, %d packets judged, %d not judged after the two parted\n",
		y.sequences, y.packets, y.unjudged)
	fmt.Fprintf(&b, "%8.3f %% agreed on\n", 100*float64(y.agreed)/float64(max(y.packets, 1)))
	names := slices.SortedFunc(maps.Keys(y.differences), func(a, b string) int { return y.differences[b] - y.differences[a] })
	for _, name := range names {
		n := y.differences[name]
		fmt.Fprintf(&b, "%8.3f %% %7d  %s\n", 100*float64(n)/float64(y.packets), n, name)
	}
	return b.String()
}

// The default numbers of sequences: some seconds' worth, the same every time.
const (
	fewSequences = 10_000
	oneSeed      = 20261123
)

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestGenerated plays mutated conversations through both trackers.
func TestGenerated(t *testing.T) { openCourt(t).judge(t) }

// TestGeneratedWatched does so at a watched interface, where one side is in and the other
// one is out, and explains differences by the same reasons.
func TestGeneratedWatched(t *testing.T) {
	c := openCourt(t)
	c.ctop.watch(t)
	c.judge(t)
}

// judge plays generated conversations.
func (c *court) judge(t *testing.T) {
	t.Helper()
	seed := number(t, "CTOP_JUDGE_SEED", oneSeed)
	count := number(t, "CTOP_JUDGE_SEQUENCES", fewSequences)
	t.Logf("CTOP_JUDGE_SEED=%d CTOP_JUDGE_SEQUENCES=%d", seed, count)
	begun, y := time.Now(), newTally()
	for n := range count {
		s := generate(seed, n)
		o, err := c.hear(s)
		if err != nil {
			t.Fatalf("%v in\n%s", err, s)
		}
		y.add(s, o)
	}
	t.Logf("%s in %s", y, time.Since(begun).Round(time.Millisecond))
	c.report(t, y)
}

// maxReported is the number of kinds of failures to minimise and print.
const maxReported = 30

// report prints a minimised sequence for each kind of failure.
func (c *court) report(t *testing.T, y *tally) {
	t.Helper()
	kinds := slices.SortedFunc(maps.Keys(y.failures), func(a, b signature) int { return y.failures[b] - y.failures[a] })
	for i, sign := range kinds {
		if i == maxReported {
			t.Errorf("and %d more kinds", len(kinds)-i)
			break
		}
		small, err := c.minimise(y.first[sign], sign)
		if err != nil {
			t.Fatal(err)
		}
		o, err := c.hear(small)
		if err != nil {
			t.Fatal(err)
		}
		t.Errorf("unexplained, %d times; play it again with CTOP_JUDGE_REPLAY:\n%s\n%s", y.failures[sign], small, explainSteps(o))
	}
}

func explainSteps(o *outcome) string {
	var b strings.Builder
	for _, m := range o.steps {
		fmt.Fprintln(&b, "#", m)
	}
	return b.String()
}
