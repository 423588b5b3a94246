package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"ctop/tracker"
	"ctop/tracker/flow"
	"ctop/ui"
)

// TestValues sets every type of flag to values on both sides of its limits. A value that
// is refused leaves what was there.
func TestValues(t *testing.T) {
	policy, mode, theme := policyValue(flow.PolicyObserve), modeValue(flow.ModeAuto), themeValue(ui.LookAuto)
	var (
		most    maxFlowsValue
		limit   limitValue
		profile profileValue
		repeats repeatValue
		period  durationValue
		narrow  filterValue
		named   namedFilterValue
		on      onValue
	)
	for _, c := range []struct {
		value     pflag.Value
		kind      string
		good, bad []string
	}{
		{&policy, "observe|enforce", []string{"observe", "enforce"}, []string{"", "x"}},
		{&mode, "auto|native|tc|generic", []string{"auto", "native", "tc", "generic"}, []string{"", "x"}},
		{&theme, "auto|dark|light", []string{"auto", "dark", "light"}, []string{"", "x"}},
		{
			&most, "N",
			[]string{fmt.Sprint(flow.MinMaxFlows), fmt.Sprint(flow.MaxMaxFlows)},
			[]string{fmt.Sprint(flow.MinMaxFlows - 1), fmt.Sprint(flow.MaxMaxFlows + 1), "x", ""},
		},
		{&limit, "N", []string{"0", "7"}, []string{"-1", "x"}},
		{&repeats, "N", []string{"0", "7"}, []string{"-1", "x"}},
		{&profile, "report|rfc", []string{"report", "rfc"}, []string{"", "x"}},
		{&period, "DURATION", []string{"5s", "1m30s"}, []string{"-5s", "x"}},
		{&narrow, "EXPR", []string{"proto:tcp", "port:443"}, []string{"proto:x", "host:web"}},
		{&named, "EXPR", []string{"proto:tcp", "host:web"}, []string{"proto:x", "host:web proto:x"}},
		{&on, "IF1,IF2", []string{"eth8,eth9", "a,b,c"}, []string{"eth8", "eth8,eth8", ""}},
	} {
		if got := c.value.Type(); got != c.kind {
			t.Errorf("%T is shown as %s, want %s", c.value, got, c.kind)
		}
		for _, text := range c.good {
			if err := c.value.Set(text); err != nil || c.value.String() != text {
				t.Errorf("%T %s is %s, error %v", c.value, text, c.value, err)
			}
		}
		before := c.value.String()
		for _, text := range c.bad {
			if err := c.value.Set(text); err == nil || c.value.String() != before {
				t.Errorf("%T takes %q as %s, error %v", c.value, text, c.value, err)
			}
		}
	}
}

// TestNamedFilterErrors does not speak of names of hosts where something else is wrong.
func TestNamedFilterErrors(t *testing.T) {
	var v namedFilterValue
	if err := v.Set("proto:x"); err == nil || strings.Contains(err.Error(), "names work only") {
		t.Errorf("error %v", err)
	}
}

func TestBound(t *testing.T) {
	var v durationValue
	ctx, cancel := v.bound(t.Context())
	if _, limited := ctx.Deadline(); limited {
		t.Error("zero is a limit")
	}
	if cancel(); ctx.Err() == nil {
		t.Error("it was not cancelled")
	}
	v = durationValue(time.Hour)
	ctx, cancel = v.bound(t.Context())
	defer cancel()
	if end, limited := ctx.Deadline(); !limited || time.Until(end) > time.Hour || time.Until(end) < time.Minute {
		t.Errorf("the limit is %s", end)
	}
}

func TestPairs(t *testing.T) {
	for _, c := range []struct {
		form form
		args string
		want string
	}{
		{"ctop", "", "name an interface, as in ctop eth0, or two, as in ctop eth0 eth1"},
		{"ctop", "eth8", "eth8 is one interface: name two, as in ctop eth8 eth1"},
		{"ctop", "eth8 eth9 eth7", "too many names (eth8 eth9 eth7): ctop stands between two interfaces, or watches several, with --watch"},
		{"ctop serve", "tcp port:80", ""},
		{"ctop", "lo tcp", ""},
		{"ctop", "eth8 eth8", "eth8 was named twice"},
		{"ctop", "eth8 eth9", ""},
	} {
		pair, err := c.form.pair(strings.Fields(c.args))
		if c.want == "" {
			if err != nil || strings.Join(pair[:], " ") != c.args {
				t.Errorf("%s %s: %v, error %v", c.form, c.args, pair, err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || !isUsage(err) {
			t.Errorf("%s %s: error %v, want %s", c.form, c.args, err, c.want)
		}
	}
	if names, err := form("ctop").placeOrNone(nil, false); names != nil || err != nil {
		t.Errorf("no name is %v, error %v", names, err)
	}
	if names, err := form("ctop").placeOrNone([]string{"a8", "b9"}, false); !slices.Equal(names, []string{"a8", "b9"}) || err != nil {
		t.Errorf("two names are %v, error %v", names, err)
	}
}

// Two interfaces are a wire, one is watched, and all are watched with --watch.
func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		args  string
		watch bool
		want  string
	}{
		{"", false, "name an interface, as in ctop eth0, or two"},
		{"", true, "name the interfaces to watch, as in ctop --watch eth0"},
		{"eth8", false, ""},
		{"eth8 eth9", false, ""},
		{"eth8 eth9 eth7", false, "too many names"},
		{"eth8 eth9 eth7", true, ""},
		{"eth8 eth9 eth8", true, "eth8 was named twice: name it once"},
		{"tcp", false, "tcp is a filter, not an interface"},
		{"tcp udp", true, "tcp udp is a filter"},
		{"port:80 and tcp", false, "port:80 and tcp is a filter, not an interface: write ctop --filter 'port:80 and tcp'"},
		{"tcp port:80", false, "tcp port:80 is a filter"},
		{"lo port:80 and tcp", false, "port:80 and tcp is a filter, not an interface: write ctop lo --filter 'port:80 and tcp'"},
	} {
		names, err := form("ctop").place(strings.Fields(c.args), c.watch)
		if c.want == "" {
			if err != nil || strings.Join(names, " ") != c.args {
				t.Errorf("%s, watch %t: %v, error %v", c.args, c.watch, names, err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || !isUsage(err) {
			t.Errorf("%s, watch %t: error %v, want %s", c.args, c.watch, err, c.want)
		}
	}
	for args, want := range map[string]string{"lo": "lo", "eth8 eth9 eth7": "eth8 eth9 eth7"} {
		if names, err := form("ctop down").all(strings.Fields(args)); err != nil || strings.Join(names, " ") != want {
			t.Errorf("down %s: %v, error %v", args, names, err)
		}
	}
	for args, want := range map[string]string{"eth8": "no tracker has eth8, and no interface is called that: ctop down --all ends every tracker", "eth8 eth9 eth8": "eth8 was named twice", "": "name the interfaces of the tracker, as in ctop down eth0, or use ctop down --all"} {
		if _, err := form("ctop down").all(strings.Fields(args)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("down %s: error %v", args, err)
		}
	}
}

func TestInterfaces(t *testing.T) {
	if !isInterface("lo") || isInterface("eth8") {
		t.Error("lo is no interface, or eth8 is one")
	}
	if err := checkInterfaces([]string{"lo", "lo"}); err != nil {
		t.Error(err)
	}
	for _, names := range [][]string{{"eth8", "lo"}, {"lo", "eth8"}} {
		if err := checkInterfaces(names); err == nil || !strings.HasPrefix(err.Error(), "attach to eth8: no such interface") {
			t.Errorf("%v: error %v", names, err)
		}
	}
	for text, want := range map[string]string{"lo": "lo", "src !(lo) tcp": "lo", "a\tlo": "lo", "src:lo": "", "": ""} {
		if got := interfaceAmong(strings.Fields(text)); got != want {
			t.Errorf("%q has interface %q", text, got)
		}
	}
}

func TestReports(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		text   string
	}{
		{nil, 0, ""},
		{unix.EPIPE, 0, ""},
		{exitError(7), 7, ""},
		{errors.New("a\nb\x1b"), 1, "ctop: a; b·\n"},
		{usagef("wrong"), 2, "ctop: wrong\n"},
		{fmt.Errorf("x: %w", usagef("wrong")), 2, "ctop: x: wrong\n"},
		{context.Canceled, 1, "ctop: interrupted before it began\n"},
		{fs.ErrPermission, 1, "ctop: permission denied: run ctop as root, as in sudo ctop\n"},
		{flow.Advisedf("open: %w: do that", fs.ErrPermission), 1, "ctop: open: permission denied: do that\n"},
		{fmt.Errorf("%w: %w", tracker.ErrPermission, fs.ErrPermission), 1, "ctop: " + tracker.ErrPermission.Error() + ": permission denied\n"},
	} {
		var out strings.Builder
		if got := report(&out, c.err); got != c.status || out.String() != c.text {
			t.Errorf("%v: status %d and %q, want %d and %q", c.err, got, out.String(), c.status, c.text)
		}
	}
	if got := exitError(7).Error(); got != "exit status 7" {
		t.Errorf("%q", got)
	}
}

// TestLargestSettings reads a file of the largest size, and none that is longer.
func TestLargestSettings(t *testing.T) {
	name := filepath.Join(t.TempDir(), "settings")
	for _, size := range []int{0, largestSettings, largestSettings + 1} {
		if err := os.WriteFile(name, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		text, err := readSmall(name)
		if large := size > largestSettings; large != (err != nil) || !large && len(text) != size {
			t.Errorf("%d bytes: read %d, error %v", size, len(text), err)
		}
	}
}

func TestRepeatFlags(t *testing.T) {
	for args, want := range map[string]string{
		"":                         "",
		"--interval 1s":            "",
		"--interval 100ms":         "",
		"--interval 1s --count 3":  "",
		"--for 5s":                 "",
		"--interval 0s --for 5s":   "",
		"--count 3":                "--count works only with --interval: write --interval 1s --count 3",
		"--interval 99ms":          "--interval: 99ms is too short: use 100ms or more",
		"--interval 1s --for 5s":   "--for does not work with --interval: use --count instead",
		"--interval 1s --for=0s":   "--for does not work with --interval: use --count instead",
		"--interval=1s --count=-1": "-",
	} {
		var (
			f repeatFlags
			d durationValue
		)
		cmd := &cobra.Command{}
		f.register(cmd.Flags())
		cmd.Flags().Var(&d, "for", "")
		err := cmd.ParseFlags(strings.Fields(args))
		if want == "-" {
			if err == nil {
				t.Errorf("%s is accepted", args)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		err = f.check(cmd)
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s: error %v, want %q", args, err, want)
		}
		if f.wanted() != strings.Contains(args, "--interval") && !strings.Contains(args, "0s") {
			t.Errorf("%s: repeats %t", args, f.wanted())
		}
	}
}

func TestGiven(t *testing.T) {
	cmd := &cobra.Command{}
	cmd.Flags().String("a", "", "")
	if given(cmd, "a") || given(cmd, "b") {
		t.Error("what nobody gave was given")
	}
	if err := setFlag(cmd, cmd.Flags().Lookup("a"), "x"); err != nil || given(cmd, "a") {
		t.Errorf("a variable gave it, error %v", err)
	}
	other := &cobra.Command{}
	other.Flags().String("a", "", "")
	if err := other.ParseFlags([]string{"--a", "x"}); err != nil || !given(other, "a") {
		t.Errorf("the command line did not give it, error %v", err)
	}
}
