package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// listed is a package in the output of go list.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
}

// withoutC is the environment in which the program is built.
func withoutC() []string { return append(os.Environ(), "CGO_ENABLED=0") }

// listPackages returns the packages that match the patterns, from go list in a
// directory.
func listPackages(ctx context.Context, dir string, patterns []string) (all []*listed, err error) {
	list := exec.CommandContext(ctx, "go", append([]string{"list", "-json=ImportPath,Dir,Export,GoFiles"}, patterns...)...)
	list.Dir, list.Env = dir, withoutC()
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list packages %s: %w", shorten(strings.Join(patterns, " ")), explain(err))
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

func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	return strings.TrimSpace(string(out)), explain(err)
}

// bench is a directory with two copies of the source tree. In one of them each place
// switches its mutations, and the other one is for those that need a build of their own.
type bench struct {
	// root is the checkout, and prefix the directory in it where the command runs.
	root, prefix string
	// dir contains everything that may be written: the copies switched and plain, the
	// test binaries, and slots.
	dir, cache string
	// slots are directories of test binaries that do not run now.
	slots chan string
	// keep says that dir stays, for the next run to continue.
	keep bool
	// slack is the time that tests always have.
	slack time.Duration
	// suites returns the suites that should notice a change in a package.
	suites func(pkg string) []suite
	// building is held while the plain tree is changed.
	building sync.Mutex
	mu       sync.Mutex
	measured map[suite]*measured
	out      *log.Logger
}

const (
	switched = "switched"
	plain    = "plain"
)

// newBench copies the tree to a directory, unless that is begun. With an empty name it is
// a temporary one.
func newBench(ctx context.Context, o options, out *log.Logger) (*bench, error) {
	b := &bench{out: out, dir: o.work, keep: o.work != "", slack: o.slack, suites: suitesOf(o.own, o.quick), measured: map[suite]*measured{}}
	var err error
	if b.root, err = output(ctx, "git", "rev-parse", "--show-toplevel"); err != nil {
		return nil, fmt.Errorf("find the tree: %w", err)
	}
	if b.prefix, err = output(ctx, "git", "rev-parse", "--show-prefix"); err != nil {
		return nil, fmt.Errorf("find the tree: %w", err)
	}
	if b.cache, err = output(ctx, "go", "env", "GOCACHE"); err != nil {
		return nil, fmt.Errorf("find the build cache: %w", err)
	}
	err = b.begin(ctx)
	if err == nil {
		err = b.makeSlots(o.jobs)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// begin prepares the directory.
func (b *bench) begin(ctx context.Context) (err error) {
	if b.keep {
		if b.dir, err = filepath.Abs(b.dir); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(b.dir, argumentsFile)); err == nil {
			return nil
		}
		if strings.HasPrefix(b.dir, "/tmp/") { // which tests have for themselves
			return fmt.Errorf("-work %s: name a directory outside of /tmp", b.dir)
		}
		if err := os.Mkdir(b.dir, 0o755); err != nil {
			return fmt.Errorf("-work: %w: name a directory that a run with -work made, or a new one", err)
		}
	} else if b.dir, err = os.MkdirTemp("/var/tmp", "ctop-mutate-"); err != nil {
		return err
	}
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return err
	}
	if err := errors.Join(b.copyTree(ctx, plain), b.copyTree(ctx, switched)); err != nil {
		return fmt.Errorf("copy the tree: %w", err)
	}
	return b.writeMutant()
}

func (b *bench) close() {
	if !b.keep && b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
}

func (b *bench) path(names ...string) string {
	return filepath.Join(append([]string{b.dir}, names...)...)
}

// none is a number that no mutation has.
const none = -1

// writeMutant adds the package that switches mutations to the copy.
func (b *bench) writeMutant() error {
	file := b.path(switched, strings.TrimPrefix(mutantPath, module), "mutant.go")
	source := bytes.Replace(mutantSource, []byte(`const directory = ""`), fmt.Appendf(nil, "const directory = %q", b.path("state")), 1)
	return errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, source, 0o644))
}

// copyTree copies tracked and new files from the checkout.
func (b *bench) copyTree(ctx context.Context, to string) error {
	files, err := output(ctx, "git", "-C", b.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.Trim(files, "\x00"), "\x00") {
		if err := copyFile(filepath.Join(b.root, name), b.path(to, name)); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil // deleted, and not yet committed
	}
	if err != nil {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, info.Mode().Perm())
}

// build compiles a package's tests in one of the trees. It returns an empty name if there
// are none.
func (b *bench) build(ctx context.Context, tree, pkg string) (binary string, err error) {
	binary = b.path("bin", tree+"-"+strings.ReplaceAll(pkg, "/", "-"))
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return "", err
	}
	_ = os.Remove(binary)
	build := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-trimpath", "-ldflags=-s -w", "-o", binary, pkg)
	build.Dir, build.Env = b.path(tree), withoutC()
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	if _, err := os.Stat(binary); err != nil {
		return "", nil
	}
	return binary, nil
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
