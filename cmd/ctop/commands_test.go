package main

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"ctop/cmd/ctop/config"
	"ctop/cmd/ctop/output"
	"ctop/internal/filter"
	"ctop/tracker/flow"
	"ctop/ui/console"
)

// fakeTarget is a tracker for commands that are typed at the machine.
type fakeTarget struct {
	flows []flow.Flow
	acts  []flow.Act
	fails error
	// rated says that rates were asked for.
	rated bool
}

func (f *fakeTarget) snapshot(_ context.Context, rates bool) (*flow.Snapshot, error) {
	f.rated = rates
	return (&server{flows: f.flows}).Snapshot(), nil
}

func (f *fakeTarget) events(context.Context) iter.Seq2[flow.Event, error] { return nil }

func (f *fakeTarget) Act(_ context.Context, act flow.Act) (flow.Outcome, error) {
	f.acts = append(f.acts, act)
	return flow.Outcome{Done: len(act.Flows)}, f.fails
}

// typed returns an env in which an answer was typed.
func typed(answer string) (e env, stdout, stderr *bytes.Buffer) {
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	return env{stdin: strings.NewReader(answer), stdout: stdout, stderr: stderr, terminal: answer != ""}, stdout, stderr
}

func manyFlows(n int) (all []flow.Flow) {
	for i := range n {
		all = append(all, aFlow(flow.ID(i+1), flow.ProtocolTCP))
	}
	return all
}

func TestDeleteTyped(t *testing.T) {
	for name, c := range map[string]struct {
		flags   endFlags
		flows   int
		answer  string
		deleted int // -1 where nothing may be asked of the tracker
		stdout  string
		stderr  string
		fails   string
	}{
		"a script":         {flows: 3, deleted: 3, stdout: "deleted 3 flows\n"},
		"yes":              {flows: 3, answer: "y\n", deleted: 3, stdout: "deleted 3 flows\n", stderr: "delete 3 flows ("},
		"no":               {flows: 3, answer: "n\n", deleted: -1, stderr: "delete 3 flows (", fails: "not confirmed"},
		"not asked":        {flags: endFlags{yes: true}, flows: 1, answer: "n\n", deleted: 1, stdout: "deleted 1 flow\n"},
		"nothing to ask":   {flows: 0, answer: "n\n", deleted: 0, stdout: "deleted 0 flows\n"},
		"dry run":          {flags: endFlags{dryRun: true}, flows: 2, deleted: -1, stdout: "192.0.2.1:2", stderr: "would delete 2 flows: nothing was deleted"},
		"reset":            {flags: endFlags{kind: flow.ActReset}, flows: 3, deleted: 3, stdout: "reset 3 flows\n"},
		"reset, asked":     {flags: endFlags{kind: flow.ActReset}, flows: 3, answer: "y\n", deleted: 3, stdout: "reset 3 flows\n", stderr: "reset 3 flows (both ends see: connection reset by peer)?"},
		"no reset":         {flags: endFlags{kind: flow.ActReset}, flows: 3, answer: "n\n", deleted: -1, stderr: "reset 3 flows (", fails: "reset: not confirmed: nothing was reset"},
		"reset, dry run":   {flags: endFlags{kind: flow.ActReset, dryRun: true}, flows: 2, deleted: -1, stdout: "192.0.2.1:2", stderr: "would reset 2 flows: nothing was reset"},
		"as many as max":   {flags: endFlags{most: 3}, flows: 3, deleted: 3, stdout: "deleted 3 flows\n"},
		"more than max":    {flags: endFlags{most: 2}, flows: 3, deleted: -1, fails: "3 flows match, but --max allows 2"},
		"twenty are shown": {flows: 20, answer: "y\n", deleted: 20, stdout: "deleted 20 flows\n", stderr: "delete 20 flows ("},
		"and one more":     {flows: 21, answer: "y\n", deleted: 21, stdout: "deleted 21 flows\n", stderr: "and 1 more; --dry-run lists them"},
	} {
		on := &fakeTarget{flows: manyFlows(c.flows)}
		e, stdout, stderr := typed(c.answer)
		err := c.flags.end(t.Context(), e, on, filter.Filter{})
		if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
			t.Errorf("%s: error %v", name, err)
		}
		switch {
		case c.deleted < 0 && on.acts != nil, c.deleted >= 0 && (len(on.acts) != 1 || len(on.acts[0].Flows) != c.deleted):
			t.Errorf("%s: acts %+v", name, on.acts)
		case !strings.Contains(stdout.String(), c.stdout) || c.stdout == "" && stdout.Len() > 0:
			t.Errorf("%s: printed %q", name, stdout)
		case !strings.Contains(stderr.String(), c.stderr) || c.stderr == "" && stderr.Len() > 0:
			t.Errorf("%s: said %q", name, stderr)
		case strings.Contains(stderr.String(), "more") != (c.flows > shownFlows && c.answer != ""):
			t.Errorf("%s: said %q", name, stderr)
		}
	}
	failed := errors.New("no more")
	e, _, _ := typed("")
	if err := new(endFlags).end(t.Context(), e, &fakeTarget{fails: failed}, filter.Filter{}); !errors.Is(err, failed) {
		t.Errorf("error %v", err)
	}
}

// Rates are read if a filter compares them, or if the flows are shown with theirs.
func TestDeleteReadsRates(t *testing.T) {
	for _, c := range []struct {
		flags  endFlags
		filter string
		answer string
		want   bool
	}{
		{endFlags{}, "tcp", "", false},
		{endFlags{}, "tcp !rate>1", "", true},
		{endFlags{}, "443 or bps<1", "", true},
		{endFlags{yes: true}, "out_rate<1", "y\n", true},
		{endFlags{yes: true}, "tcp", "y\n", false},
		{endFlags{}, "tcp", "y\n", true},
		{endFlags{dryRun: true}, "tcp", "", true},
	} {
		wanted, err := filter.Parse(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		on := &fakeTarget{flows: manyFlows(1)}
		e, _, _ := typed(c.answer)
		if err := c.flags.end(t.Context(), e, on, wanted); err != nil || on.rated != c.want {
			t.Errorf("%+v %q: rates %v, error %v", c.flags, c.filter, on.rated, err)
		}
	}
}

func TestDeleteWants(t *testing.T) {
	for _, c := range []struct {
		args string
		all  bool
		want string
	}{
		{"", true, ""},
		{"proto:tcp", false, ""},
		{"", false, "name the flows to delete"},
		{"proto:tcp", true, "--all and a filter exclude each other"},
		{"proto:x", false, "filter: "},
		{"host lo", false, "lo is an interface, not part of an address"},
	} {
		_, err := (&endFlags{all: c.all}).wanted(strings.Fields(c.args))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want) || !isUsage(err)) {
			t.Errorf("%q: error %v, want %q", c.args, err, c.want)
		}
	}
}

// What is to be typed is the command that was typed: of a fleet, or of this machine.
func TestNamesItself(t *testing.T) {
	for fleet, want := range map[bool]string{
		false: "name the flows to reset, as in ctop reset dst:192.0.2.1 dport:443, or use ctop reset --all",
		true:  "name the flows to reset, as in ctop fleet reset dst:192.0.2.1 dport:443, or use ctop fleet reset --all",
	} {
		if _, err := (&endFlags{kind: flow.ActReset, fleet: fleet}).wanted(nil); err == nil || err.Error() != want {
			t.Errorf("of a fleet: %v: %v, want %q", fleet, err, want)
		}
	}
}

func TestTimeoutsTyped(t *testing.T) {
	for _, c := range []struct {
		form output.Format
		args string
		want []string
		acts int
	}{
		{output.Table, "", []string{"tcp_established"}, 0},
		{output.Table, "icmp=5s other=1m", []string{"icmp                30s → 5s\n", "other               10m → 1m\n"}, 2},
		{output.Wide, "icmp=5s", []string{"icmp                30s → 5s\n"}, 1},
		{output.CSV, "icmp=5s", []string{"icmp,5"}, 1},
	} {
		settings, err := parseSettings(strings.Fields(c.args))
		if err != nil {
			t.Fatal(err)
		}
		on := &fakeTarget{}
		e, stdout, _ := typed("")
		if err := (&timeoutFlags{output: c.form}).listOrSet(t.Context(), e, on, settings); err != nil {
			t.Error(err)
		}
		for _, want := range c.want {
			if !strings.Contains(stdout.String(), want) {
				t.Errorf("%q prints %q, without %q", c.args, stdout, want)
			}
		}
		if len(on.acts) != c.acts || forPeople(c.form) && c.acts > 0 && strings.Count(stdout.String(), "\n") != c.acts {
			t.Errorf("%q: %d acts, %q", c.args, len(on.acts), stdout)
		}
	}
	if _, err := parseSettings([]string{"icmp=5s", "x=1"}); err == nil || !isUsage(err) {
		t.Errorf("error %v", err)
	}
	failed := errors.New("no more")
	e, stdout, _ := typed("")
	settings, _ := parseSettings([]string{"icmp=5s"})
	if err := new(timeoutFlags).listOrSet(t.Context(), e, &fakeTarget{fails: failed}, settings); !errors.Is(err, failed) || stdout.Len() > 0 {
		t.Errorf("error %v, printed %q", err, stdout)
	}
}

func TestCompletion(t *testing.T) {
	for _, c := range []struct {
		complete cobra.CompletionFunc
		text     string
		want     []string
	}{
		{completeSort, "", nil},
		{completeChanges, "", []string{"came", "went", "changed"}},
		{completeChanges, "went,c", []string{"went,came", "went,changed"}},
		{completeSort, "age:", []string{"age:asc", "age:desc"}},
		{completeFilter, "prot", []string{"proto:"}},
		{completeFilter, "nothing-", []string{}},
		{completeTimeouts, "", nil},
	} {
		got, directive := c.complete(nil, nil, c.text)
		if c.want != nil && !slices.Equal(got, c.want) || c.want == nil && len(got) < 5 {
			t.Errorf("%q is completed to %q", c.text, got)
		}
		if directive&cobra.ShellCompDirectiveNoFileComp == 0 {
			t.Errorf("%q is completed to files", c.text)
		}
	}
	if got, _ := completeTimeouts(nil, nil, ""); !slices.Contains(got, "icmp=") {
		t.Errorf("timeouts are %q", got)
	}
	if got, _ := completeInterfaces(new(cobra.Command), []string{"a", "b"}, ""); got != nil {
		t.Errorf("a third interface is offered: %q", got)
	}
	if got, _ := completeInterfaces(new(cobra.Command), nil, ""); slices.Contains(got, "lo") {
		t.Errorf("lo is offered: %q", got)
	}
	watching := &cobra.Command{}
	watching.Flags().Bool("watch", false, "")
	if err := watching.Flags().Set("watch", "true"); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]bool{"": true, "a b": true, "lo": false, "a lo": false} {
		if got, _ := completeInterfaces(watching, strings.Fields(args), ""); slices.Contains(got, "lo") != want {
			t.Errorf("with --watch %s: %q", args, got)
		}
	}
	for _, c := range []struct {
		words []string
		want  string
	}{{[]string{"abc", "abd"}, "ab"}, {[]string{"abc"}, "abc"}, {[]string{"abc", "xyz"}, ""}, {[]string{"ab", "abc"}, "ab"}} {
		if got := commonStart(c.words[0], c.words); got != c.want {
			t.Errorf("%q begin with %q, want %q", c.words, got, c.want)
		}
	}
}

func TestInstead(t *testing.T) {
	names := []string{"max-flows", "policy", "timeout"}
	for wrong, want := range map[string]string{
		"max_flows": "write max-flows", "MaxFlows": "write max-flows", "pol": "write policy", "timeouts": "write timeout",
		"po": "ctop help config lists them", "ti": "ctop help config lists them", "nothing": "ctop help config lists them",
	} {
		if got := instead(wrong, names); got != want {
			t.Errorf("instead of %s: %s, want %s", wrong, got, want)
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        string
	}{
		{"policy", "enforce", ""},
		{"policy", "x", "f:3: policy: "},
		{"keep", "x", `f:3: keep: "x" is neither true nor false`},
		{"yes", "true", `f:3: no setting is called "yes"`},
		{"polic", "enforce", `f:3: no setting is called "polic": write policy`},
	} {
		err := checkSettings(newRootCommand(env{}), []config.Setting{{Name: c.name, Values: []string{c.value}, Place: "f:3"}})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%s = %s: error %v, want %q", c.name, c.value, err, c.want)
		}
	}
	names := settingNames(everyCommand(newRootCommand(env{})))
	if !slices.Contains(names, "policy") || slices.Contains(names, "help") || !slices.IsSorted(names) {
		t.Errorf("settings are %q", names)
	}
}

func TestConfigFiles(t *testing.T) {
	for _, c := range []struct{ xdg, home, want string }{
		{"/x", "/h", "/x/ctop/config.toml"},
		{"x", "/h", "/h/.config/ctop/config.toml"},
		{"", "/h", "/h/.config/ctop/config.toml"},
		{"", "h", systemConfig},
		{"", "", systemConfig},
	} {
		got := configFiles(func(name string) string { return map[string]string{"XDG_CONFIG_HOME": c.xdg, "HOME": c.home}[name] })
		if got[0] != c.want || got[len(got)-1] != systemConfig {
			t.Errorf("XDG_CONFIG_HOME=%s HOME=%s: %q", c.xdg, c.home, got)
		}
	}
}

func TestLightness(t *testing.T) {
	for _, c := range []struct {
		rgb  string
		want float64
	}{{"ff ff ff", 1}, {"0 0 0", 0}, {"ffff 0 0", 0.5}, {"f 0 f", 0.5}, {"fff fff fff", 1}, {"80 80 80", 128.0 / 255}, {"ff 80 ff", (1 + 128.0/255) / 2}} {
		if got := lightness(strings.Fields(c.rgb)); got != c.want {
			t.Errorf("%s has %v, want %v", c.rgb, got, c.want)
		}
	}
	for text, want := range map[string]bool{
		"0;15": true, "15;0": false, "0;7": true, "7;8": false, "0;9": true, "0;16": false, "0;6": false, "default;default": false,
		"0;default;15": true, "15": true, "": false, "0;-1": false,
	} {
		if got := lightByVariable(text); got != want {
			t.Errorf("COLORFGBG=%s is light: %t", text, got)
		}
	}
}

// A stream refuses a filter that asks for what its lines do not have.
func TestStreamsRefuseFilters(t *testing.T) {
	for _, args := range []string{
		"events --filter rate>1", "events lo lo2 --filter idle>1", "replay --events --filter ttl<1m x.pcap", "--trace bytes>1 lo lo2",
	} {
		var stdout, stderr bytes.Buffer
		e := env{args: strings.Fields(args), stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, getenv: func(string) string { return "" }}
		if status := report(&stderr, run(t.Context(), e)); status != exitUsage || !strings.Contains(stderr.String(), "has no ") {
			t.Errorf("%s: status %d, %q", args, status, &stderr)
		}
	}
	for _, command := range []string{"events --filter rate>1", "events --filter !pinned"} {
		if _, errs, status := new(server).overSSH(t, console.Viewer, "", command); status != exitUsage || !strings.Contains(errs, "has no ") {
			t.Errorf("%s over SSH: status %d, %q", command, status, errs)
		}
	}
}
