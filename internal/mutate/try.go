package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// fate is the outcome of a mutation.
type fate int

const (
	survived fate = iota
	caught
	uncompiled
)

// result is a mutation and its fate. by names the tests that caught it, or has
// the compiler's errors.
type result struct {
	mutation
	fate fate
	by   string
	// reached says that a test runs the mutated code.
	reached bool
}

func (r result) String() string {
	switch r.fate {
	case survived:
		if !r.reached {
			return "SURVIVED " + r.mutation.String() + " (no test runs it)"
		}
		return "SURVIVED " + r.mutation.String()
	case uncompiled:
		return fmt.Sprintf("skipped  %s (%s)", r.mutation, shorten(r.by))
	}
	return fmt.Sprintf("caught   %s (%s)", r.mutation, r.by)
}

// try switches a mutation on, and runs the tests of suites that reach it until one fails.
func (b *bench) try(ctx context.Context, r result, number int, suites []suite) (result, error) {
	for _, s := range suites {
		known, err := b.measure(ctx, s)
		if err != nil {
			return r, err
		}
		tests := known.reaching(number)
		if len(tests) == 0 {
			continue
		}
		r.reached = true
		by, test, err := b.catch(ctx, binary{switched, s.pkg, known.File}, number, tests)
		if err != nil {
			return r, err
		}
		if by != "" {
			known.noted(test)
			r.fate, r.by = caught, s.pkg+": "+by
			return r, ctx.Err()
		}
	}
	return r, ctx.Err()
}

// alone builds the tests with a mutation, and runs them until one fails.
func (b *bench) alone(ctx context.Context, m mutation) (_ result, err error) {
	b.building.Lock()
	defer b.building.Unlock()
	r := result{mutation: m, reached: true}
	path := b.pathIn(plain, m)
	source, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := os.WriteFile(path, m.apply(source), 0o644); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.WriteFile(path, source, 0o644)) }()
	for _, s := range b.suites(m.pkg.ImportPath) {
		known, err := b.measure(ctx, s)
		if err != nil {
			return r, err
		}
		file, err := b.build(ctx, plain, s.pkg)
		if err != nil {
			r.fate, r.by = uncompiled, firstError(err)
			return r, ctx.Err()
		}
		if file == "" {
			continue
		}
		by, _, err := b.catch(ctx, binary{plain, s.pkg, file}, none, known.all())
		_ = os.Remove(file)
		if err != nil {
			return r, err
		}
		if by != "" {
			r.fate, r.by = caught, s.pkg+": "+by
			return r, ctx.Err()
		}
	}
	return r, ctx.Err()
}

// first is how many seconds the tests that run first may take. The next ones may take
// four times as many, and so on.
const first = 1.0

// catch runs tests until one fails, and returns what failed, and the name of the test. A
// failure counts if it happens again.
func (b *bench) catch(ctx context.Context, x binary, number int, tests []*measuredTest) (by, test string, err error) {
	for seconds := first; len(tests) > 0; seconds *= 4 {
		var names []string
		var took float64
		names, took, tests = next(tests, seconds)
		for ctx.Err() == nil {
			o, err := b.test(ctx, x, number, names, b.limit(took))
			if err != nil {
				return "", "", err
			}
			if o.failed == "" {
				break
			}
			again := names
			if o.test != "" {
				again = []string{o.test}
			}
			if second, err := b.test(ctx, x, number, again, b.limit(took)); second.failed != "" || err != nil {
				return o.failed, o.test, err
			}
			if names = without(names, o.test); len(names) == 0 || o.test == "" {
				break
			}
		}
	}
	return "", "", nil
}

func without(names []string, name string) (others []string) {
	for _, n := range names {
		if n != name {
			others = append(others, n)
		}
	}
	return others
}

// limit is the time for tests that took some seconds on the unchanged code. The machine
// may be busier now.
func (b *bench) limit(seconds float64) time.Duration {
	return b.slack + time.Duration(8*seconds*float64(time.Second))
}
