package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"ctop/internal/lab"
)

// TestMain makes the test binary ctop itself, or asks(), where it is called so, and runs
// the tests in a network and mount namespace of their own where it may.
func TestMain(m *testing.M) {
	commands := map[string]func(){"ctop": main, "asks": asks, "panics": panics, "forgets": forgets, "gives-up": givesUp}
	if _, called := commands[filepath.Base(os.Args[0])]; !called {
		// Under nohup the programs would ignore it, as they should then. What is
		// caught here has its default again there.
		if signal.Ignored(unix.SIGHUP) {
			signal.Notify(make(chan os.Signal, 1), unix.SIGHUP)
		}
		if err := lab.Isolate(); err != nil && !errors.Is(err, lab.ErrPrivilege) {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	testscript.Main(inspected{m}, commands)
}

// inspected fails tests that passed but left something behind.
type inspected struct{ testscript.TestingM }

func (m inspected) Run() int {
	before, err := lab.TakeInventory()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if status := m.TestingM.Run(); status != 0 {
		return status
	}
	if err := before.WaitNoLeaks(waitTimeout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestScript runs what needs no privilege.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", Setup: plainEnvironment, UpdateScripts: updating(),
		Cmds: commands(),
	})
}

// runPrivileged runs a script that attaches a tracker. Such scripts run side by side in one
// network namespace, so each names its interfaces.
func runPrivileged(t *testing.T, script string) {
	t.Helper()
	lab.Require(t)
	testscript.Run(t, testscript.Params{
		Files: []string{script}, Setup: plainEnvironment, UpdateScripts: updating(), Cmds: commands(),
	})
}

func commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"status": exitStatus, "until": until, "lab": buildLab, "attached": attached,
	}
}

// exitStatus runs a command and expects an exit status, which exec cannot.
func exitStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND [ARG ...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
	if lines := strings.Count(ts.ReadFile("stderr"), "\n"); got != 0 && lines != 1 {
		ts.Fatalf("%d lines on stderr, want one", lines)
	}
}

// waitTimeout bounds every wait; nothing here is expected to take as long.
const waitTimeout = 3 * time.Minute

// until runs a command until what it prints matches every pattern.
func until(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "usage: until PATTERN [and PATTERN ...] COMMAND [ARG ...]"
	var patterns []*regexp.Regexp
	for more := true; more; {
		if neg || len(args) < 2 {
			ts.Fatalf(usage)
		}
		pattern, err := regexp.Compile("(?m)" + args[0])
		ts.Check(err)
		patterns, args = append(patterns, pattern), args[1:]
		if more = args[0] == "and"; more {
			args = args[1:]
		}
	}
	for deadline := time.Now().Add(waitTimeout); ; {
		ts.Check(ts.Exec(args[0], args[1:]...))
		printed := ts.ReadFile("stdout")
		missing := slices.IndexFunc(patterns, func(p *regexp.Regexp) bool { return !p.MatchString(printed) })
		if missing < 0 {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("never printed %s", patterns[missing])
		}
	}
}

// updating reports whether scripts are to take over what the program printed.
func updating() bool { return os.Getenv("CTOP_UPDATE_SCRIPTS") != "" }

func plainEnvironment(e *testscript.Env) error {
	e.Setenv("TERM", "xterm")
	e.Setenv("PATH", os.Getenv("PATH"))
	e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
	e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
	return nil
}

// labs numbers the labs: scripts run side by side.
var labs atomic.Int32

// buildLab makes a lab with traffic in it, and sets IF1 and IF2 to the
// interfaces in its middle. CLIENT and SERVER are the names of its namespaces.
func buildLab(ts *testscript.TestScript, _ bool, args []string) {
	n := int(labs.Add(1))
	ctx, cancel := context.WithCancel(context.Background())
	l, err := lab.New(ctx, lab.Options{
		Client: lab.HostOptions{Name: fmt.Sprint("client", n), Port: fmt.Sprint("left", n)},
		Server: lab.HostOptions{Name: fmt.Sprint("server", n), Port: fmt.Sprint("right", n)},
	})
	ts.Check(err)
	done := make(chan error, 1)
	go func() {
		if len(args) > 0 && args[0] == "quiet" {
			done <- nil
			return
		}
		done <- lab.Traffic(ctx, l, lab.TrafficOptions{Rate: 1_000_000})
	}()
	ts.Defer(func() {
		cancel()
		if err := errors.Join(<-done, l.Close()); err != nil {
			ts.Logf("lab: %v", err)
		}
	})
	for name, value := range map[string]string{
		"IF1": l.Client.Port(), "IF2": l.Server.Port(),
		"CLIENT": l.Client.Path(), "SERVER": l.Server.Path(),
		"SERVER_ADDR": first(l.Server.Addrs4()).String(),
	} {
		ts.Setenv(name, value)
	}
}

func first(addrs []netip.Addr) netip.Addr { return addrs[0] }

// attached waits until there is a program on the lab's interfaces; with ! it
// fails if there is one, or a pin.
func attached(ts *testscript.TestScript, neg bool, _ []string) {
	deadline := time.Now().Add(waitTimeout)
	for {
		found := traces(ts)
		if neg == (len(found) == 0) {
			return
		}
		if neg || time.Now().After(deadline) {
			ts.Fatalf("on the interfaces: %q", found)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// traces lists what a tracker left on the lab's interfaces.
func traces(ts *testscript.TestScript) (found []string) {
	all, err := lab.Inventory{}.Leaks()
	ts.Check(err)
	for _, item := range all {
		words := strings.FieldsFunc(item, func(r rune) bool { return strings.ContainsRune(" /:", r) }) // left1 is not left10
		ours := slices.Contains(words, ts.Getenv("IF1")) || slices.Contains(words, ts.Getenv("IF2"))
		if ours && (strings.HasPrefix(item, "XDP ") || strings.HasPrefix(item, "pin ")) {
			found = append(found, item)
		}
	}
	return found
}
