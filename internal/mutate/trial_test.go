package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the wanted results")

// results returns the lines about single mutations, sorted.
func results(out string) string {
	lines, _, _ := strings.Cut(out, "\n\n")
	sorted := slices.DeleteFunc(strings.Split(lines, "\n"), func(line string) bool { return strings.HasPrefix(line, "measured ") })
	slices.Sort(sorted)
	return strings.Join(sorted, "\n") + "\n"
}

// useModule makes the module in testdata, and moves there.
func useModule(t *testing.T) {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/module.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, file := range archive.Files {
		files[file.Name] = string(file.Data)
	}
	write(t, files)
}

// TestEveryKind tries all mutations of a module: the fate of each is known.
func TestEveryKind(t *testing.T) {
	wanted, err := filepath.Abs("testdata/results.txt")
	if err != nil {
		t.Fatal(err)
	}
	useModule(t)
	out, err := mutate(t, "-sample", "0", "-slack", "5s", "-own", "./kinds", "./program")
	if err != nil {
		t.Fatal(err)
	}
	got := results(out)
	if *update {
		if err := os.WriteFile(wanted, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := string(readFile(t, wanted)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if want := "left out, because they fail without a mutation: TestBroken in ctop/kinds"; !strings.Contains(out, want) {
		t.Errorf("no %q in\n%s", want, out)
	}
	if want := "SURVIVED ctop/kinds/kinds.go:65: remove ! (no test runs it)\n\tfunc Unused(ready bool) bool { return !ready }\n"; !strings.Contains(out, want) {
		t.Errorf("no %q in\n%s", want, out)
	}
}

// stopper cancels a run after some results.
type stopper struct {
	bytes.Buffer
	left int
	stop func()
}

func (s *stopper) Write(line []byte) (int, error) {
	if s.left--; s.left == 0 {
		s.stop()
	}
	return s.Buffer.Write(line)
}

// workDirectory returns the name of a directory for -work.
func workDirectory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "ctop-mutate-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "work")
}

func TestContinues(t *testing.T) {
	write(t, map[string]string{
		"a/a.go":      "package a\n\nvar V = []int{1, 2, 3, 4, 5, 6, 7, 8}\n",
		"a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestV(t *testing.T) {\n\tif V[2] != 3 {\n\t\tt.Fatal()\n\t}\n}\n",
	})
	work := workDirectory(t)
	args := []string{"-sample", "6", "-jobs", "2", "-work", work, "./a"} // of which one may go on for a moment
	ctx, stop := context.WithCancel(t.Context())
	begun := &stopper{left: 4, stop: stop} // the first line is about the tests
	if err := run(ctx, args, begun); err == nil || !strings.Contains(err.Error(), "the same command continues") {
		t.Fatalf("error %v, output\n%s", err, begun)
	}
	if !strings.Contains(begun.String(), "of    3 caught in ctop/a") && !strings.Contains(begun.String(), "of    4 caught in ctop/a") {
		t.Errorf("the interrupted run reports\n%s", begun)
	}
	// The sources of now do not matter.
	if err := os.WriteFile("a/a.go", []byte("package a\n\nvar V = []int{0, 0, 3}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	rest, err := mutate(t, args...)
	if err != nil || !strings.Contains(rest, "of    6 caught in ctop/a") {
		t.Fatalf("error %v, output\n%s", err, rest)
	}
	if all := results(begun.String()) + results(rest); strings.Count(all, "\n") != 6 {
		t.Errorf("begun\n%s\ncontinued\n%s", begun, rest)
	}
	if _, err := mutate(t, "-sample", "7", "-work", work, "./a"); err == nil || !strings.Contains(err.Error(), "was begun with -seed 1 -sample 6 ") {
		t.Errorf("error %v", err)
	}
}

// TestContinuesWithoutBinaries continues where somebody has removed the test binaries, or
// made them useless.
func TestContinuesWithoutBinaries(t *testing.T) {
	write(t, map[string]string{
		"a/a.go":      "package a\n\nvar V = []int{1, 2, 3, 4, 5, 6, 7, 8}\n",
		"a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestV(t *testing.T) {\n\tif V[2] != 3 {\n\t\tt.Fatal()\n\t}\n}\n",
	})
	work := workDirectory(t)
	args := []string{"-sample", "0", "-jobs", "1", "-work", work, "./a"}
	ctx, stop := context.WithCancel(t.Context())
	if err := run(ctx, args, &stopper{left: 3, stop: stop}); err == nil {
		t.Fatal("the first run was not interrupted")
	}
	binaries, err := filepath.Glob(filepath.Join(work, "bin", "*"))
	if err != nil || len(binaries) != 1 {
		t.Fatalf("error %v, binaries %s", err, binaries)
	}
	if err := os.Chmod(binaries[0], 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := mutate(t, args...); err == nil || !strings.Contains(err.Error(), "start the tests") {
		t.Errorf("with a binary that cannot start: error %v, output\n%s", err, out)
	}
	if err := os.RemoveAll(filepath.Dir(binaries[0])); err != nil {
		t.Fatal(err)
	}
	if out, err := mutate(t, args...); err != nil || !strings.Contains(out, "   1 of    8 caught in ctop/a") {
		t.Errorf("without the binary: error %v, output\n%s", err, out)
	}
}

func TestWorkIsNoOtherDirectory(t *testing.T) {
	write(t, map[string]string{"a/a.go": "package a\n\nvar V = 1\n"})
	if _, err := mutate(t, "-work", "/tmp/work", "./a"); err == nil || !strings.Contains(err.Error(), "outside of /tmp") {
		t.Errorf("error %v", err)
	}
	dir := workDirectory(t)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := mutate(t, "-work", dir, "./a"); err == nil || !strings.Contains(err.Error(), "or a new one") {
		t.Errorf("error %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("error %v, it has %v", err, left)
	}
}

// TestLeavesNothing ends with its temporary directory and the programs of a test.
func TestLeavesNothing(t *testing.T) {
	write(t, map[string]string{
		"a/a.go": "package a\n\nvar V = 1\n",
		"a/a_test.go": `package a

import (
	"os/exec"
	"testing"
)

func TestLeaves(t *testing.T) {
	if err := exec.Command("sleep", "4321.5").Start(); err != nil || V != 1 {
		t.Fatal(err)
	}
}
`,
	})
	before, _ := filepath.Glob("/var/tmp/ctop-mutate-*")
	if got, err := mutate(t, "./a"); err != nil || !strings.Contains(got, "1 of    1 caught") {
		t.Errorf("error %v, output\n%s", err, got)
	}
	after, _ := filepath.Glob("/var/tmp/ctop-mutate-*")
	for _, dir := range after {
		if !slices.Contains(before, dir) && ours(t, dir) {
			t.Errorf("%s is left", dir)
		}
	}
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range processes {
		if text, err := os.ReadFile(name); err == nil && string(text) == "sleep\x004321.5\x00" {
			t.Errorf("%s is left", name)
		}
	}
}

// ours reports whether a directory has the module of the test that is running.
func ours(t *testing.T, dir string) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, plain, "a/a_test.go"))
	return err == nil && bytes.Contains(text, []byte("4321.5"))
}
