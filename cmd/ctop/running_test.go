package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// Words of other programs before an interface are no names: what to write is said.
func TestMisread(t *testing.T) {
	for args, want := range map[string]string{
		"any": "--watch all", "any eth7": "--watch all", "watch": "eth0", "dev eth7": "eth7", "ON eth7": "eth7",
		"on eth7 eth8": "--watch eth7 eth8", "monitor any": "--watch all", "sniff eth7 all": "--watch all",
		"iface all": "--watch all", "interface eth7 lo": "--watch eth7 lo",
	} {
		_, err := form("ctop").place(strings.Fields(args), false)
		word, _, _ := strings.Cut(args, " ")
		if text := "no command and no interface is called \"" + word + "\": write ctop " + want; err == nil || err.Error() != text || !isUsage(err) {
			t.Errorf("%s: %v, want %s", args, err, text)
		}
	}
	for args, want := range map[string]string{
		"eth8 any": `no command and no interface is called "any": write ctop --watch all`,
		"lo,all":   "interfaces are separated by spaces: write ctop --watch all",
	} {
		_, err := form("ctop").place(strings.Fields(args), false)
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
	if _, err := form("ctop").place([]string{"lo", "watch"}, false); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		args  string
		watch bool
		want  string
	}{
		{"all", false, "all needs --watch, as in ctop --watch all"},
		{"all lo", true, "all is every interface: name no others"},
		{"lo all", true, "all is every interface: name no others"},
	} {
		if _, err := form("ctop").place(strings.Fields(c.args), c.watch); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", c.args, err)
		}
	}
	if names, err := form("ctop").place([]string{"all"}, true); err != nil || !slices.Equal(names, []string{"all"}) {
		t.Errorf("%v, %v", names, err)
	}
}

// Two interfaces are a wire unless they are watched, and more of them are always watched.
func TestBeginnings(t *testing.T) {
	for _, c := range []struct {
		interfaces string
		watch      bool
		want       string
	}{
		{"", false, "ctop"},
		{"eth7", false, "ctop eth7"},
		{"eth7", true, "ctop eth7"},
		{"eth7 eth8", false, "ctop eth7 eth8"},
		{"eth7 eth8", true, "ctop --watch eth7 eth8"},
		{"eth7 eth8 eth9", false, "ctop --watch eth7 eth8 eth9"},
		{"all", false, "ctop --watch all"},
	} {
		if got := form("ctop").at(strings.Fields(c.interfaces), c.watch); got != c.want {
			t.Errorf("%s, watch %t: %s, want %s", c.interfaces, c.watch, got, c.want)
		}
	}
}

// running is what commands find of the trackers of this machine.
func runningOf(args ...string) string {
	names, err := (&rootCommand{}).running(args)
	if err != nil {
		return err.Error()
	}
	return strings.Join(names, " ")
}

// One interface of a tracker is enough to join it, and not to end it. Down ends the one
// that is named, or all.
func TestRunning(t *testing.T) {
	lab.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*waitTimeout)
	defer cancel()
	l, err := lab.New(ctx, lab.Options{})
	must(t, err)
	defer func() { must(t, l.Close()) }()
	a, b := l.Client.Port(), l.Server.Port()
	const none = "name an interface to watch"
	if got := runningOf(); !strings.HasPrefix(got, none) {
		t.Errorf("without a tracker: %s", got)
	}
	must(t, downAll(ctx, nil))
	if err := downAll(ctx, []string{a}); !isUsage(err) {
		t.Errorf("down --all with a name: %v", err)
	}
	for _, all := range []bool{true, false} {
		tr, err := tracker.Open(ctx, tracker.Options{Interfaces: []string{a, b}, Mode: flow.ModeTC})
		must(t, err)
		both := strings.Join(tr.Named(), " ")
		if runningOf() != both || runningOf(a) != both || runningOf(b) != both || runningOf(a, b) != "" || runningOf("lo") != "" {
			t.Errorf("running: %s, %s, %s, %s", runningOf(), runningOf(a), runningOf(a, b), runningOf("lo"))
		}
		var on onValue
		if err := on.Set(b); err != nil || strings.Join(on, " ") != both {
			t.Errorf("--on %s: %s, %v", b, on, err)
		}
		if err := on.Set("lo"); err == nil || !strings.HasPrefix(err.Error(), "lo is one interface") || strings.Join(on, " ") != both {
			t.Errorf("--on lo: %s, %v", on, err)
		}
		if names, err := form("ctop").placeOrNone([]string{b}, false); err != nil || strings.Join(names, " ") != both {
			t.Errorf("%s: %v, %v", b, names, err)
		}
		if _, err := form("ctop down").all([]string{a}); err == nil || !strings.HasPrefix(err.Error(), a+" is one interface of a tracker: name all, as in ctop down "+both) {
			t.Errorf("down %s: %v", a, err)
		}
		if pairs, _ := completeOn(nil, nil, ""); strings.Join(pairs, " ") != strings.Join(tr.Named(), ",") {
			t.Errorf("--on is completed with %s", pairs)
		}
		if role := localRole(tr); role != "owner" {
			t.Errorf("the role is %s", role)
		}
		joined, err := tracker.Join(ctx, a, b)
		must(t, err)
		if role := localRole(joined); role != "joined" {
			t.Errorf("the role of another is %s", role)
		}
		must(t, joined.Close())
		if all {
			must(t, downAll(ctx, nil))
		} else {
			e, _, _ := typed("")
			e.args, e.getenv = []string{"down", a, b}, func(string) string { return "" }
			must(t, run(ctx, e))
		}
		if got := runningOf(); !strings.HasPrefix(got, none) || !tr.Gone() {
			t.Errorf("after down: %s, gone %t", got, tr.Gone())
		}
		if err := tr.Close(); err != nil && !errors.Is(err, tracker.ErrGone) {
			t.Error(err)
		}
	}
}

// TestOnlyOne takes the only tracker that runs, and none if the list is forbidden.
func TestOnlyOne(t *testing.T) {
	broken := errors.New("broken")
	one, two := []string{"eth0"}, []string{"eth1", "eth2"}
	for _, c := range []struct {
		running [][]string
		err     error
		want    []string
		says    string
	}{
		{[][]string{one}, nil, one, ""},
		{[][]string{two}, broken, two, ""},
		{[][]string{two, one}, nil, nil, "name one of its interfaces, as in ctop eth1"},
		{nil, nil, nil, "name an interface to watch"},
		{nil, tracker.ErrPermission, nil, "name an interface to watch"},
		{nil, broken, nil, "broken"},
	} {
		got, err := onlyOne(c.running, c.err)
		if !slices.Equal(got, c.want) || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, %v: %v, error %v", c.running, c.err, got, err)
		}
	}
}

// TestDetachEach reports every failure but that of a tracker that is gone.
func TestDetachEach(t *testing.T) {
	broken := errors.New("broken")
	var down []string
	err := detachEach([][]string{{"eth0"}, {"eth1", "eth2"}, {"eth3"}}, func(interfaces ...string) error {
		down = append(down, strings.Join(interfaces, " "))
		return map[string]error{"eth1 eth2": broken, "eth3": tracker.ErrNotRunning}[down[len(down)-1]]
	})
	if !errors.Is(err, broken) || errors.Is(err, tracker.ErrNotRunning) || strings.Join(down, ",") != "eth0,eth1 eth2,eth3" {
		t.Errorf("error %v, detached %q", err, down)
	}
	gone := func(...string) error { return tracker.ErrNotRunning }
	if err := detachEach([][]string{{"eth0"}}, gone); err != nil {
		t.Error(err)
	}
}
