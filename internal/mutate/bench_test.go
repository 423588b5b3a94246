package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// write makes a module of the name ctop, and moves there.
func write(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	files["go.mod"] = "module ctop\n\ngo 1.24\n"
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("git", "init", "-q").CombinedOutput(); err != nil {
		t.Fatalf("git init: %v: %s", err, out)
	}
}

// mutate runs the command over a module and returns its lines in order.
func mutate(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), args, &out)
	return out.String(), err
}

const small = `package small

func Small(n int) bool { return n < 10 }
`

func TestCaughtAndSurvived(t *testing.T) {
	write(t, map[string]string{
		"small/small.go": small,
		"small/small_test.go": `package small

import "testing"

func TestSmall(t *testing.T) {
	if !Small(3) || Small(12) {
		t.Fatal()
	}
}
`,
	})
	got, err := mutate(t, "-sample", "9", "./small")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"caught   ctop/small/small.go:3: < becomes >= (ctop/small: TestSmall)",
		"SURVIVED ctop/small/small.go:3: < becomes <=",
		"SURVIVED ctop/small/small.go:3: 10 becomes 11",
		"   1 of    3 caught in ctop/small",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if now := string(readFile(t, "small/small.go")); now != small {
		t.Errorf("the checkout was changed:\n%s", now)
	}
}

func TestOnlyWhatCompilesCounts(t *testing.T) {
	write(t, map[string]string{"a/a.go": "package a\n\nfunc F(s string) (r string) {\n\tr = s\n\treturn\n}\n\nvar V = \"a\" + \"b\"\n"})
	got, err := mutate(t, "-sample", "9", "./a")
	if err != nil || !strings.Contains(got, "   0 of    1 caught") || !strings.Contains(got, "skipped  ctop/a/a.go:8: + becomes - (ctop/a/a.go:8:") {
		t.Errorf("error %v, output\n%s", err, got)
	}
}

func TestFailingTestsEndIt(t *testing.T) {
	write(t, map[string]string{
		"a/a.go":      "package a\n\nvar V = 1\n",
		"a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestV(t *testing.T) { t.Fatal() }\n",
	})
	_, err := mutate(t, "./a")
	if err == nil || !strings.Contains(err.Error(), "fail on the unchanged code: run go test -count=1 ctop/a") {
		t.Errorf("error %v", err)
	}
}

func TestCompanionsCatch(t *testing.T) {
	write(t, map[string]string{
		"ui/page/page.go": "package page\n\nfunc Height() int { return 24 }\n",
		"ui/ui_test.go":   "package ui\n\nimport (\n\t\"testing\"\n\n\t\"ctop/ui/page\"\n)\n\nfunc TestH(t *testing.T) {\n\tif page.Height() != 24 {\n\t\tt.Fatal()\n\t}\n}\n",
	})
	for _, c := range []struct{ flag, want string }{
		{"-own=false", "1 of    1 caught"}, {"-own", "0 of    1 caught"},
	} {
		if got, err := mutate(t, c.flag, "./ui/page"); err != nil || !strings.Contains(got, c.want) {
			t.Errorf("%s: error %v, output\n%s", c.flag, err, got)
		}
	}
}

func TestSeedSelects(t *testing.T) {
	write(t, map[string]string{"a/a.go": "package a\n\nvar V = []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}\n"})
	list := func(seed string) string {
		got, err := mutate(t, "-list", "-sample", "5", "-seed", seed, "./a")
		if err != nil || strings.Count(got, "\n") != 5 {
			t.Fatalf("error %v, list\n%s", err, got)
		}
		return got
	}
	first, again, other := list("1"), list("1"), list("2")
	if first != again || first == other {
		t.Errorf("seed 1 gives\n%s, again\n%s, seed 2\n%s", first, again, other)
	}
}

func TestMatchSelects(t *testing.T) {
	write(t, map[string]string{"a/a.go": "package a\n\nvar V = 1\n\nvar W = 2\n"})
	got, err := mutate(t, "-list", "-match", "a.go:5: 2", "./a")
	if err != nil || got != "ctop/a/a.go:5: 2 becomes 3\n" {
		t.Errorf("error %v, list\n%s", err, got)
	}
	if _, err := mutate(t, "-list", "-match", "(", "./a"); err == nil {
		t.Error("no error")
	}
}

func TestSuites(t *testing.T) {
	for _, c := range []struct {
		own, quick bool
		pkg, want  string
	}{
		{false, false, "ctop/ui/page", "ctop/ui/page ctop/ui"},
		{true, false, "ctop/ui/page", "ctop/ui/page"},
		{false, true, "ctop/ui/page", "ctop/ui/page ctop/ui"},
		{false, false, "ctop/tracker/owner", "ctop/tracker/owner ctop/tracker ctop/tracker/replay ctop/internal/e2e"},
		{false, true, "ctop/tracker/owner", "ctop/tracker/owner ctop/tracker ctop/tracker/replay ctop/internal/e2e"},
		{true, false, "ctop/tracker/owner", "ctop/tracker/owner"},
		{false, false, "ctop/internal/fleet/standby", "ctop/internal/fleet/standby ctop/internal/fleet/client ctop/cmd/ctop ctop/internal/e2e"},
		{false, false, "ctop/internal/fleet", "ctop/internal/fleet ctop/internal/fleet/client"},
		{false, false, "ctop/tracker/flow", "ctop/tracker/flow ctop/cmd/ctop/output ctop/ui"},
		{false, false, "ctop/tracker/replay", "ctop/tracker/replay ctop/cmd/ctop"},
		{false, false, "ctop/ui/console", "ctop/ui/console ctop/cmd/ctop"},
		{false, false, "ctop/internal/names/geo", "ctop/internal/names/geo ctop/cmd/ctop/output ctop/ui"},
		{false, false, "ctop/internal/hello", "ctop/internal/hello ctop/tracker/naming"},
		{false, true, "ctop/internal/lab", "ctop/internal/lab ctop/cmd/ctop ctop/internal/e2e"},
		{false, false, "ctop/internal/pair", "ctop/internal/pair ctop/internal/fleet/client ctop/internal/e2e"},
		{false, false, "ctop/internal/ipfix", "ctop/internal/ipfix"},
	} {
		var got []string
		for _, s := range suitesOf(c.own, c.quick)(c.pkg) {
			got = append(got, s.pkg)
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s, own %t, quick %t: %s, not %s", c.pkg, c.own, c.quick, text, c.want)
		}
	}
}

// TestTrackerTests has a test for each name of one, and a name for every test that is
// not too long.
func TestTrackerTests(t *testing.T) {
	files, err := filepath.Glob("../e2e/*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var tests []string
	for _, file := range files {
		text := string(readFile(t, file))
		if strings.HasPrefix(text, "//go:build kernels\n") { // no test of this kernel
			continue
		}
		for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(text, -1) {
			tests = append(tests, found[1])
		}
	}
	for _, name := range slices.Concat(wireTests, watchTests, resetTests) {
		if begins := regexp.MustCompile("^Test" + name); !slices.ContainsFunc(tests, begins.MatchString) {
			t.Errorf("there is no test %s", name)
		}
	}
	short := regexp.MustCompile(shortTests)
	if found := slices.DeleteFunc(slices.Clone(tests), func(test string) bool { return !short.MatchString(test) }); len(found) != strings.Count(shortTests, "|")+1 {
		t.Errorf("the short tests are %s", found)
	}
	for _, test := range regexp.MustCompile(`\w+`).FindAllString(strings.Trim(standbyTests, "^$"), -1) {
		if test != "Test" && !slices.Contains(tests, "Test"+test) {
			t.Errorf("there is no test %s of a pair", test)
		}
	}
	long := []string{"TestResetBusy", "TestResetFrames", "TestWatchByEveryCommand", "TestWatchIsHarmless", "TestWatchLocal", "TestWatchdog"}
	all, ours := regexp.MustCompile("^Test(Watch|Reset)"), regexp.MustCompile(trackerTests)
	for _, test := range tests {
		if all.MatchString(test) && ours.MatchString(test) == slices.Contains(long, test) {
			t.Errorf("%s is one of them: %t", test, ours.MatchString(test))
		}
	}
}

// TestProgramTests has a test of the program for each name of one.
func TestProgramTests(t *testing.T) {
	files, err := filepath.Glob("../../cmd/ctop/*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var source strings.Builder
	for _, file := range files {
		source.Write(readFile(t, file))
	}
	for _, tests := range []string{readingTests, bundleTests, demoTests, servingTests, pairTests} {
		for name := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(tests, "^Test("), ")$"), "|") {
			if !strings.Contains(source.String(), "\nfunc Test"+name+"(t *testing.T)") {
				t.Errorf("there is no test %s", name)
			}
		}
	}
}

// TestSandbox tries to write where a mutation must not.
func TestSandbox(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("privileged: the sandbox needs root")
	}
	outside := filepath.Join(t.TempDir(), "outside")
	t.Setenv("OUTSIDE", outside)
	write(t, map[string]string{
		"a/a.go": "package a\n\nvar V = 1\n",
		"a/a_test.go": `package a

import (
	"net"
	"os"
	"testing"
)

func TestOutside(t *testing.T) {
	for _, name := range []string{os.Getenv("OUTSIDE"), "/etc/outside"} {
		if os.WriteFile(name, nil, 0o600) == nil {
			t.Error("wrote " + name)
		}
	}
	if err := os.WriteFile("/tmp/inside", nil, 0o600); err != nil {
		t.Error(err)
	}
	all, err := net.Interfaces() // the kernel may add tunnels, which are down
	for _, i := range all {
		if up := i.Flags&net.FlagUp != 0; up != (i.Name == "lo") {
			t.Errorf("%s is up: %t", i.Name, up)
		}
	}
	if err != nil || len(all) == 0 {
		t.Error(err)
	}
	if V != 1 {
		t.Error(V)
	}
}
`,
	})
	if got, err := mutate(t, "./a"); err != nil || !strings.Contains(got, "1 of    1 caught") {
		t.Errorf("error %v, output\n%s", err, got)
	}
	if _, err := os.Stat("/tmp/inside"); err == nil {
		t.Error("a test wrote to the machine's /tmp")
	}
}
