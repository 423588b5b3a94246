package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// measured is what is known about a suite on the unchanged code.
type measured struct {
	// File is the test binary, empty if there are no tests.
	File  string
	Tests []*measuredTest
	// LeftOut are tests that fail without a mutation.
	LeftOut []string
	mu      sync.Mutex
	done    bool
}

// measuredTest is a test that passed.
type measuredTest struct {
	Name    string
	Seconds float64
	// Reached are the mutations that it runs, sorted.
	Reached []int
	// caught is how many it has caught.
	caught int
}

// forever is the time limit for a test on the unchanged code.
const forever = 15 * time.Minute

// measure returns what is known about a suite. At first it runs each test alone.
func (b *bench) measure(ctx context.Context, s suite) (*measured, error) {
	b.mu.Lock()
	m := b.measured[s]
	if m == nil {
		m = new(measured)
		b.measured[s] = m
	}
	b.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done {
		return m, nil
	}
	file := b.path(measureFile(s))
	if text, err := os.ReadFile(file); err == nil && json.Unmarshal(text, m) == nil {
		if err := b.rebuild(ctx, s, m); err != nil {
			return nil, err
		}
		m.done = true
		return m, nil
	}
	begin := time.Now()
	if err := b.measureSuite(ctx, s, m); err != nil {
		return nil, fmt.Errorf("measure the tests of %s: %w", s.pkg, err)
	}
	b.out.Printf("measured %s: %d tests in %s", s.pkg, len(m.Tests), time.Since(begin).Round(time.Second))
	m.done = true
	text, err := json.Marshal(m)
	return m, errors.Join(err, os.WriteFile(file, text, 0o644))
}

// rebuild builds the test binary of a suite that was measured before, if it is gone.
func (b *bench) rebuild(ctx context.Context, s suite, m *measured) (err error) {
	if m.File == "" {
		return nil
	}
	if _, err := os.Stat(m.File); err == nil {
		return nil
	}
	if m.File, err = b.build(ctx, switched, s.pkg); err != nil {
		return fmt.Errorf("build the tests of %s again: %w", s.pkg, err)
	}
	return nil
}

func measureFile(s suite) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.pkg + " " + s.run))
	return fmt.Sprintf("tests-%x.json", h.Sum64())
}

var testName = regexp.MustCompile(`(?m)^(Test|Example|Fuzz)\w*$`)

func (b *bench) measureSuite(ctx context.Context, s suite, m *measured) (err error) {
	if m.File, err = b.build(ctx, switched, s.pkg); err != nil || m.File == "" {
		return err
	}
	x := binary{switched, s.pkg, m.File}
	listed, err := b.run(ctx, x, none, forever, "-test.list="+cmp.Or(s.run, "."))
	if err != nil {
		return err
	}
	if listed.failed != "" {
		return fmt.Errorf("list them: %s", listed.failed)
	}
	names := testName.FindAllString(string(listed.out), -1)
	tests := make([]*measuredTest, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { tests[i] = b.measureTest(ctx, x, name) })
	}
	all.Wait()
	m.Tests, m.LeftOut = nil, nil
	for i, t := range tests {
		if t == nil {
			m.LeftOut = append(m.LeftOut, names[i])
		} else {
			m.Tests = append(m.Tests, t)
		}
	}
	if len(m.Tests) == 0 && len(m.LeftOut) > 0 && ctx.Err() == nil {
		return fmt.Errorf("all fail on the unchanged code: run go test -count=1 %s", s.pkg)
	}
	return ctx.Err()
}

// measureTest runs a test, and returns how long it takes and what it reaches, or nil if it
// fails.
func (b *bench) measureTest(ctx context.Context, x binary, name string) *measuredTest {
	for range 2 { // a busy machine may let it fail once
		if ctx.Err() != nil {
			return nil
		}
		if o, err := b.test(ctx, x, none, []string{name}, forever); o.failed == "" && err == nil {
			return &measuredTest{Name: name, Seconds: o.took.Seconds(), Reached: o.reached}
		}
	}
	return nil
}

// numbers returns the numbers in a text, sorted, each once.
func numbers(text []byte) (all []int) {
	for field := range bytes.FieldsSeq(text) {
		if number, err := strconv.Atoi(string(field)); err == nil {
			all = append(all, number)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// reaching returns the tests that run a mutation. Those that are likely to catch it soon are
// first: those that caught others, and quick ones.
func (m *measured) reaching(number int) (found []*measuredTest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.Tests {
		if _, reaches := slices.BinarySearch(t.Reached, number); reaches {
			found = append(found, t)
		}
	}
	return inOrder(found)
}

// all returns all tests in the same order.
func (m *measured) all() []*measuredTest {
	m.mu.Lock()
	defer m.mu.Unlock()
	return inOrder(slices.Clone(m.Tests))
}

func inOrder(tests []*measuredTest) []*measuredTest {
	worth := func(t *measuredTest) float64 { return float64(t.caught) / (t.Seconds + .05) }
	slices.SortStableFunc(tests, func(a, b *measuredTest) int {
		return cmp.Or(cmp.Compare(worth(b), worth(a)), cmp.Compare(a.Seconds, b.Seconds))
	})
	return tests
}

// noted counts a test that caught a mutation.
func (m *measured) noted(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.Tests {
		if t.Name == name {
			t.caught++
		}
	}
}

// next cuts off tests that take a number of seconds together, one at least.
func next(tests []*measuredTest, seconds float64) (names []string, took float64, rest []*measuredTest) {
	for i, t := range tests {
		if i > 0 && took+t.Seconds > seconds {
			return names, took, tests[i:]
		}
		names, took = append(names, t.Name), took+t.Seconds
	}
	return names, took, nil
}
