package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// listed is a package in the output of go list.
type listed struct {
	ImportPath, Dir string
	GoFiles         []string
}

// listPackages returns the packages that match the patterns, from go list.
func listPackages(ctx context.Context, patterns []string) (all []*listed, err error) {
	out, err := exec.CommandContext(ctx, "go", append([]string{"list", "-json=ImportPath,Dir,GoFiles"}, patterns...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("list packages %s: %w", strings.Join(patterns, " "), explain(err))
	}
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		p := new(listed)
		if err := d.Decode(p); err != nil {
			return nil, fmt.Errorf("read the list of packages: %w", err)
		}
		all = append(all, p)
	}
	return all, nil
}

// explain adds a program's stderr to its error.
func explain(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return err
}

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
}

func (r result) String() string {
	switch r.fate {
	case survived:
		return "SURVIVED " + r.mutation.String()
	case uncompiled:
		return fmt.Sprintf("skipped  %s (%s)", r.mutation, shorten(r.by))
	}
	return fmt.Sprintf("caught   %s (%s)", r.mutation, r.by)
}

// bench is a copy of the source tree in which mutations are tested.
type bench struct {
	// root is the checkout. dir contains everything that may be written: tree,
	// the copy, tmp, and the test binaries.
	root, dir, tree, cache string
	// suites returns the suites that should notice a change in a package.
	suites func(pkg string) []suite
	// limits are time limits for the tests of each suite, several times the
	// time that they took to pass.
	limits map[suite]time.Duration
	// catchers are the tests that caught earlier mutations. They run first,
	// since they often catch the next one too.
	catchers map[suite][]string
}

func newBench(ctx context.Context, suites func(string) []suite) (*bench, error) {
	root, err := output(ctx, "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, fmt.Errorf("find the tree: %w", err)
	}
	cache, err := output(ctx, "go", "env", "GOCACHE")
	if err != nil {
		return nil, fmt.Errorf("find the build cache: %w", err)
	}
	dir, err := os.MkdirTemp("/var/tmp", "ctop-mutate-")
	if err != nil {
		return nil, err
	}
	b := &bench{root: root, dir: dir, tree: filepath.Join(dir, "tree"), cache: cache, suites: suites, limits: map[suite]time.Duration{}, catchers: map[suite][]string{}}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "tmp"), 0o1777), b.copyTree(ctx)); err != nil {
		b.close()
		return nil, fmt.Errorf("copy the tree: %w", err)
	}
	return b, nil
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	return strings.TrimSpace(string(out)), explain(err)
}

func (b *bench) close() { _ = os.RemoveAll(b.dir) }

// copyTree copies tracked and new files from the checkout.
func (b *bench) copyTree(ctx context.Context) error {
	files, err := output(ctx, "git", "-C", b.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.Trim(files, "\x00"), "\x00") {
		info, err := os.Stat(filepath.Join(b.root, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			return err
		}
		data, err := os.ReadFile(filepath.Join(b.root, name))
		if err != nil {
			return err
		}
		to := filepath.Join(b.tree, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, data, info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}

// try runs the suites that should notice a mutation until one fails.
func (b *bench) try(ctx context.Context, m mutation) (_ result, err error) {
	suites := b.suites(m.pkg.ImportPath)
	for _, s := range suites {
		if err := b.prepare(ctx, s); err != nil {
			return result{}, err
		}
	}
	path := filepath.Join(b.tree, strings.TrimPrefix(m.pkg.Dir, b.root), m.file)
	source, err := os.ReadFile(path)
	if err != nil {
		return result{}, err
	}
	if err := os.WriteFile(path, m.apply(source), 0o644); err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, os.WriteFile(path, source, 0o644)) }()
	return b.judge(ctx, m, suites)
}

// judge runs suites on the mutated tree.
func (b *bench) judge(ctx context.Context, m mutation, suites []suite) (result, error) {
	for _, s := range suites {
		binary, err := b.build(ctx, s)
		if err != nil {
			return result{mutation: m, fate: uncompiled, by: firstError(err)}, ctx.Err()
		}
		if binary == "" {
			continue
		}
		if failed := b.testQuickly(ctx, s, binary); failed != "" {
			return result{mutation: m, fate: caught, by: s.pkg + ": " + failed}, ctx.Err()
		}
	}
	return result{mutation: m}, ctx.Err()
}

// quickly is how soon a test has to fail to run first the next time.
const quickly = 10 * time.Second

var wholeTest = regexp.MustCompile(`^Test\w+$`)

// testQuickly runs a suite like test, the catchers of earlier mutations first.
func (b *bench) testQuickly(ctx context.Context, s suite, binary string) (failed string) {
	if names := b.catchers[s]; len(names) > 0 {
		first := suite{s.pkg, "^(" + strings.Join(names, "|") + ")$"}
		if failed := b.test(ctx, first, binary, b.limits[s]); failed != "" {
			return failed
		}
	}
	begin := time.Now()
	failed = b.test(ctx, s, binary, b.limits[s])
	if time.Since(begin) < quickly && wholeTest.MatchString(failed) && !slices.Contains(b.catchers[s], failed) {
		b.catchers[s] = append(b.catchers[s], failed)
	}
	return failed
}

// firstError returns the first line that the compiler prints about a place.
func firstError(err error) string {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if strings.Contains(line, ".go:") {
			return line
		}
	}
	return err.Error()
}

// prepare runs a suite once on the unchanged tree, to set its time limit.
func (b *bench) prepare(ctx context.Context, s suite) error {
	if b.limits[s] != 0 {
		return nil
	}
	binary, err := b.build(ctx, s)
	if err != nil {
		return fmt.Errorf("build the tests of %s: %w", s.pkg, err)
	}
	start := time.Now()
	if binary != "" {
		failed := b.test(ctx, s, binary, 20*time.Minute)
		if failed != "" { // on a busy machine, perhaps
			start = time.Now()
			failed = b.test(ctx, s, binary, 20*time.Minute)
		}
		if failed != "" {
			return fmt.Errorf("the tests of %s fail on the unchanged tree: %s: run go test -count=1 %s", s.pkg, failed, s.pkg)
		}
	}
	b.limits[s] = time.Minute + 5*time.Since(start)
	return nil
}

// build compiles a package's tests. It returns an empty name if there are none.
func (b *bench) build(ctx context.Context, s suite) (binary string, err error) {
	binary = filepath.Join(b.dir, "test")
	_ = os.Remove(binary)
	build := exec.CommandContext(ctx, "go", "test", "-c", "-trimpath", "-o", binary, s.pkg)
	build.Dir = b.tree
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	if _, err := os.Stat(binary); err != nil {
		return "", nil
	}
	return binary, nil
}

//go:embed sandbox.sh
var sandbox string

var failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// test runs a test binary and returns the names of failed tests, empty if none
// failed. All processes that it started end with it.
func (b *bench) test(ctx context.Context, s suite, binary string, limit time.Duration) string {
	ctx, cancel := context.WithTimeout(ctx, limit+20*time.Second)
	defer cancel()
	args := []string{binary, "-test.failfast", "-test.timeout=" + limit.String(), "-test.run=" + s.run}
	if os.Geteuid() == 0 {
		args = append([]string{
			"unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork",
			"--kill-child", "--mount-proc", "sh", "-c", sandbox, "sandbox", b.dir, b.cache,
		}, args...)
	}
	command := exec.CommandContext(ctx, args[0], args[1:]...)
	command.Dir = filepath.Join(b.tree, strings.TrimPrefix(s.pkg, module+"/"))
	command.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return unix.Kill(-command.Process.Pid, unix.SIGKILL) }
	command.WaitDelay = 10 * time.Second
	out, err := command.CombinedOutput()
	if err == nil {
		return ""
	}
	if found := failedTest.FindSubmatch(out); found != nil {
		return string(found[1])
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return shorten(fmt.Sprintf("%v: %s", err, lines[0]))
}
