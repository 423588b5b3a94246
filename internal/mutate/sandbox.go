package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/mutate/mutant"
)

//go:embed sandbox.sh
var sandbox string

// binary is a test binary and the tree that it was built from.
type binary struct {
	tree, pkg, file string
}

// outcome is the result of a run of tests. Without a failure, failed is empty.
type outcome struct {
	failed string
	// test is the name of the test that failed, if that is known.
	test string
	// late says that the tests took too long.
	late bool
	took time.Duration
	out  []byte
	// reached are the mutations that the tests run. It is known if none is on.
	reached []int
}

// startedFile is a file in a slot that says that the sandbox has started the tests.
const startedFile = "started"

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// exactly returns a pattern for -test.run.
func exactly(names []string) string { return "^(" + strings.Join(names, "|") + ")$" }

// test runs tests of a binary within a time limit, with one mutation on.
func (b *bench) test(ctx context.Context, x binary, number int, names []string, limit time.Duration) (outcome, error) {
	return b.run(ctx, x, number, limit, "-test.failfast", "-test.timeout="+limit.String(), "-test.run="+exactly(names))
}

// run runs a binary when there is a free slot. All processes that it started end with
// it. It returns an error if the tests did not run: then they say nothing about a mutation.
func (b *bench) run(ctx context.Context, x binary, number int, limit time.Duration, args ...string) (outcome, error) {
	slot := <-b.slots
	defer func() { b.slots <- slot }()
	if err := prepare(slot, number); err != nil {
		return outcome{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit+20*time.Second)
	defer cancel()
	command := b.command(ctx, slot, append([]string{x.file}, args...))
	command.Dir = b.path(x.tree, filepath.FromSlash(strings.TrimPrefix(x.pkg, module+"/")))
	begin := time.Now()
	out, err := command.CombinedOutput()
	took := time.Since(begin)
	if command.Process != nil {
		_ = command.Cancel() // what the tests left
	}
	if ctx.Err() == nil && !started(slot, command) {
		return outcome{}, fmt.Errorf("start the tests: %w: %s", err, shorten(string(out)))
	}
	o := outcomeOf(out, err, took, errors.Is(ctx.Err(), context.DeadlineExceeded))
	text, _ := os.ReadFile(filepath.Join(slot, mutant.ReachedFile))
	o.reached = numbers(text)
	return o, nil
}

// started reports whether a command started the tests in a slot.
func started(slot string, command *exec.Cmd) bool {
	if !isolated() {
		return command.Process != nil
	}
	_, err := os.Stat(filepath.Join(slot, startedFile))
	return err == nil
}

// command isolates a command, if that is possible.
func (b *bench) command(ctx context.Context, slot string, args []string) *exec.Cmd {
	if isolated() {
		args = append([]string{
			"unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork",
			"--kill-child", "--mount-proc", "sh", "-c", sandbox, "sandbox", b.dir, slot, b.cache,
		}, args...)
	}
	command := exec.CommandContext(ctx, args[0], args[1:]...)
	command.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return unix.Kill(-command.Process.Pid, unix.SIGKILL) }
	command.WaitDelay = 10 * time.Second
	return command
}

func isolated() bool { return os.Geteuid() == 0 }

// makeSlots makes the directories of test binaries that run at the same time. Only isolated
// ones have each their own state, and there is only one slot for the others.
func (b *bench) makeSlots(n int) error {
	state := b.path("state")
	slots := []string{state}
	if isolated() {
		slots = nil
		for i := range max(n, 1) {
			slots = append(slots, b.path(fmt.Sprintf("slot-%d", i)))
		}
	}
	b.slots = make(chan string, len(slots))
	for _, slot := range slots {
		tmp := filepath.Join(slot, "tmp")
		if err := errors.Join(os.MkdirAll(tmp, 0o755), os.Chmod(tmp, 0o777|os.ModeSticky)); err != nil {
			return err
		}
		b.slots <- slot
	}
	return os.MkdirAll(state, 0o755)
}

// prepare switches one mutation on, and the others off. Without one it asks for what is
// reached.
func prepare(slot string, number int) error {
	reached := filepath.Join(slot, mutant.ReachedFile)
	_ = os.Remove(reached)
	_ = os.Remove(filepath.Join(slot, startedFile))
	if number == none {
		if err := errors.Join(os.WriteFile(reached, nil, 0o666), os.Chmod(reached, 0o666)); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(slot, mutant.ActiveFile), []byte(strconv.Itoa(number)), 0o644)
}

func outcomeOf(out []byte, err error, took time.Duration, late bool) outcome {
	o := outcome{took: took, out: out}
	if err == nil {
		return o
	}
	o.late = late || strings.Contains(string(out), "panic: test timed out after")
	if found := failedTest.FindSubmatch(out); found != nil {
		o.test = string(found[1])
	}
	switch {
	case o.late:
		o.failed = "too late"
	case o.test != "":
		o.failed = o.test
	default:
		first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		o.failed = shorten(fmt.Sprintf("%v: %s", err, first))
	}
	return o
}
