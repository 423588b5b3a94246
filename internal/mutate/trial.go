package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
)

// Files of a bench.
const (
	argumentsFile = "arguments"
	resultsFile   = "results"
)

// trial tries a sample of mutations.
type trial struct {
	*bench
	places  []mutation
	program *program
	// chosen are the numbers of the places in the sample. Those in alone cannot be
	// switched.
	chosen []int
	alone  map[int]bool
	// next is the number of the first place that is not tried yet.
	next, sample int
	log          *os.File
	mu           sync.Mutex
	results      map[int]result
	// pending are results of the own tests only.
	pending map[int]result
}

// newTrial chooses the sample, and writes the sources that switch it.
func newTrial(ctx context.Context, b *bench, o options) (*trial, error) {
	if err := b.same(o); err != nil {
		return nil, err
	}
	places, err := o.places(ctx, b.path(plain, b.prefix))
	if err != nil {
		return nil, err
	}
	t := &trial{bench: b, places: places, alone: map[int]bool{}, sample: len(places), results: map[int]result{}, pending: map[int]result{}}
	if o.sample > 0 {
		t.sample = min(o.sample, len(places))
	}
	if t.program, err = loadProgram(ctx, b.path(plain), packagesOf(places)); err != nil {
		return nil, err
	}
	if err := t.choose(ctx); err != nil {
		return nil, err
	}
	return t, errors.Join(t.switchAll(), t.resume())
}

// same checks that a bench is used for what it was begun for.
func (b *bench) same(o options) error {
	file := b.path(argumentsFile)
	before, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return os.WriteFile(file, []byte(o.String()), 0o644)
	}
	if err == nil && string(before) != o.String() {
		return fmt.Errorf("-work %s was begun with %s: use the same, or another directory", b.dir, strings.TrimSpace(string(before)))
	}
	return err
}

func packagesOf(places []mutation) (all []*listed) {
	for _, m := range places {
		if !slices.Contains(all, m.pkg) {
			all = append(all, m.pkg)
		}
	}
	return all
}

// choose takes the first places that compile.
func (t *trial) choose(ctx context.Context) error {
	for ; t.next < len(t.places) && len(t.chosen) < t.sample; t.next++ {
		m := t.places[t.next]
		x, err := t.program.parsed(m.pkg)
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if err := t.program.compiles(x, map[string][]byte{m.file: m.apply(x.sources[m.file])}); err != nil {
			t.out.Print(result{mutation: m, fate: uncompiled, by: err.Error()})
			continue
		}
		t.chosen = append(t.chosen, t.next)
	}
	slices.SortStableFunc(t.chosen, func(a, b int) int {
		return cmp.Compare(t.places[a].pkg.ImportPath, t.places[b].pkg.ImportPath)
	})
	return nil
}

// switchAll writes the sources in which the chosen places switch their mutations.
func (t *trial) switchAll() error {
	sites := map[*parsed]map[string][]site{}
	for _, number := range t.chosen {
		m := t.places[number]
		x := t.program.packages[m.pkg.ImportPath]
		if sites[x] == nil {
			sites[x] = map[string][]site{}
		}
		if s, found := t.program.siteOf(x, m, number); found {
			sites[x][m.file] = append(sites[x][m.file], s)
		} else {
			t.alone[number] = true
		}
	}
	for x, files := range sites {
		if err := t.switchPackage(x, files); err != nil {
			return err
		}
	}
	return nil
}

// switchPackage writes the files of a package. Sites that do not compile together are not
// switched.
func (t *trial) switchPackage(x *parsed, sites map[string][]site) error {
	for file, all := range sites {
		source := x.render(file, all)
		if t.program.compiles(x, map[string][]byte{file: source}) != nil {
			for _, s := range all {
				t.alone[s.number] = true
			}
			continue
		}
		if err := os.WriteFile(t.pathIn(switched, all[0].mutation), source, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// pathIn returns the name of a mutation's file in one of the trees.
func (b *bench) pathIn(tree string, m mutation) string {
	return b.path(tree, strings.TrimPrefix(m.pkg.Dir, b.path(plain)), m.file)
}

// line is a result in a file.
type line struct {
	Number  int
	Fate    fate
	By      string
	Reached bool
}

// resume reads earlier results, and opens the file for more.
func (t *trial) resume() (err error) {
	if t.log, err = os.OpenFile(t.path(resultsFile), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644); err != nil {
		return err
	}
	text, err := os.ReadFile(t.path(resultsFile))
	for row := range strings.Lines(string(text)) {
		var l line
		if json.Unmarshal([]byte(row), &l) == nil && l.Number < len(t.places) { // the last one may be cut off
			t.results[l.Number] = result{mutation: t.places[l.Number], fate: l.Fate, by: l.By, reached: l.Reached}
		}
	}
	return err
}

func (t *trial) close() { _ = t.log.Close() }

// run tries the sample, and more where a mutation turns out not to compile.
func (t *trial) run(ctx context.Context) error {
	err := t.tryAll(ctx)
	for err == nil && t.counted() < t.sample && t.next < len(t.places) {
		t.alone[t.next] = true
		err = t.tryOwn(ctx, t.next)
		t.next++
	}
	t.report()
	if ctx.Err() != nil && t.keep {
		return fmt.Errorf("interrupted: the same command continues")
	}
	return err
}

// tryAll tries the sample, at first with each package's own tests. Then the companions' tests,
// which take longer, run for those that survived.
func (t *trial) tryAll(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var ahead sync.WaitGroup
	ahead.Go(func() { t.measureAhead(ctx) })
	for _, one := range []func(context.Context, int) error{t.tryOwn, t.tryCompanions} {
		parallel(ctx, cap(t.slots), t.chosen, func(number int) {
			if err := one(ctx, number); err != nil {
				stop(err)
			}
		})
	}
	ahead.Wait()
	return context.Cause(ctx)
}

// parallel calls do with all values unless ctx ends, with so many at a time.
func parallel[T any](ctx context.Context, n int, values []T, do func(T)) {
	next := make(chan T)
	var workers sync.WaitGroup
	for range n {
		workers.Go(func() {
			for value := range next {
				do(value)
			}
		})
	}
	for _, value := range values {
		if ctx.Err() == nil {
			next <- value
		}
	}
	close(next)
	workers.Wait()
}

// measureAhead measures the tests of the packages in the order in which they are
// needed, of two at a time, because a long test would leave slots free. Whoever needs tests
// that cannot be measured gets the error.
func (t *trial) measureAhead(ctx context.Context) {
	var own, companions []suite
	for _, number := range t.chosen {
		if suites := t.suites(t.places[number].pkg.ImportPath); !t.done(number) {
			own, companions = append(own, suites[0]), append(companions, suites[1:]...)
		}
	}
	parallel(ctx, 2, slices.Concat(own, companions), func(s suite) { _, _ = t.measure(ctx, s) })
}

// tryOwn tries a mutation with its package's own tests.
func (t *trial) tryOwn(ctx context.Context, number int) error {
	if t.done(number) || ctx.Err() != nil {
		return ctx.Err()
	}
	m := t.places[number]
	suites := t.suites(m.pkg.ImportPath)
	var r result
	var err error
	if t.alone[number] {
		r, err = t.bench.alone(ctx, m)
	} else if r, err = t.try(ctx, result{mutation: m}, number, suites[:1]); r.fate == survived && len(suites) > 1 && err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.pending[number] = r
		return nil
	}
	return errors.Join(err, t.record(number, r, err))
}

// tryCompanions tries what survived the package's own tests.
func (t *trial) tryCompanions(ctx context.Context, number int) error {
	t.mu.Lock()
	r, pending := t.pending[number]
	t.mu.Unlock()
	if !pending || ctx.Err() != nil {
		return ctx.Err()
	}
	r, err := t.try(ctx, r, number, t.suites(r.pkg.ImportPath)[1:])
	return errors.Join(err, t.record(number, r, err))
}

func (t *trial) done(number int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, done := t.results[number]
	return done
}

// record keeps a result, unless an error prevented it.
func (t *trial) record(number int, r result, failed error) error {
	if failed != nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.results[number] = r
	t.out.Print(r)
	text, err := json.Marshal(line{number, r.fate, r.by, r.reached})
	if err != nil {
		return err
	}
	_, err = t.log.Write(append(text, '\n'))
	return err
}

// counted returns how many mutations compiled.
func (t *trial) counted() (n int) {
	for _, r := range t.results {
		if r.fate != uncompiled {
			n++
		}
	}
	return n
}
