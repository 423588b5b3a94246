package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// configured returns a command whose flags were set by its line, by variables and by a
// file of the user.
func configured(t *testing.T, line string, variables map[string]string, file string) (*cobra.Command, error) {
	t.Helper()
	dir := t.TempDir()
	if file != "" {
		if err := os.MkdirAll(filepath.Join(dir, "ctop"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "ctop", "config.toml"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	words := strings.Fields(line)
	cmd, _, err := newRootCommand(env{}).Find(words[:1])
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.ParseFlags(words[1:]); err != nil {
		t.Fatal(err)
	}
	return cmd, applySettings(cmd, func(name string) string {
		if name == "XDG_CONFIG_HOME" {
			return dir
		}
		return variables[name]
	})
}

// The command line is stronger than a variable, and a variable than a file.
func TestStrongerSettings(t *testing.T) {
	const variable = "CTOP_MAX_FLOWS"
	for _, c := range []struct{ line, variable, file, want string }{
		{"serve", "", "", "65536"},
		{"serve", "", "max-flows = 3000", "3000"},
		{"serve", "2000", "max-flows = 3000", "2000"},
		{"serve --max-flows 1500", "2000", "max-flows = 3000", "1500"},
		{"serve --max-flows 1500", "", "max-flows = 3000", "1500"},
	} {
		cmd, err := configured(t, c.line, map[string]string{variable: c.variable}, c.file)
		if err != nil {
			t.Fatal(err)
		}
		f := cmd.Flags().Lookup("max-flows")
		if got := f.Value.String(); got != c.want {
			t.Errorf("%s, %q, %q: %s, not %s", c.line, c.variable, c.file, got, c.want)
		}
		typed := strings.Contains(c.line, "--")
		if given(cmd, "max-flows") != typed || (f.Annotations[fromVariable] != nil) == (typed || c.want == "65536") {
			t.Errorf("%s, %q, %q: given %t, %v", c.line, c.variable, c.file, given(cmd, "max-flows"), f.Annotations)
		}
	}
}

// The first wrong variable is reported, and no file is read then.
func TestWrongVariable(t *testing.T) {
	_, err := configured(t, "serve", map[string]string{"CTOP_MAX_FLOWS": "1", "CTOP_POLICY": "x", "CTOP_HELP": "x"}, "nonsense")
	if err == nil || !strings.HasPrefix(err.Error(), "CTOP_MAX_FLOWS: ") || !isUsage(err) {
		t.Errorf("%v", err)
	}
	// Nobody can say yes by a variable.
	cmd, err := configured(t, "delete", map[string]string{"CTOP_YES": "true", "CTOP_ALL": "true", "CTOP_DRY_RUN": "true"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"yes", "all", "dry-run"} {
		if cmd.Flags().Lookup(name).Value.String() != "false" {
			t.Errorf("--%s was set", name)
		}
	}
}

// A file may set a flag more than once, as timeouts are, and flags of other commands.
func TestSettingsOfAFile(t *testing.T) {
	cmd, err := configured(t, "serve", nil, "timeout.icmp = \"5s\"\ntimeout.other = \"7s\"\ncount = 3\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := cmd.Flags().Lookup("timeout").Value.String(); got != "icmp=5s,other=7s" {
		t.Errorf("%s", got)
	}
	for file, want := range map[string]string{
		"count = -1": "config.toml:1: count: ", "\nmaxflows = 2000": "config.toml:2: no setting is called \"maxflows\": write max-flows",
		"max = 1": "", "po = 1": "ctop help config lists them", "pol = 1": "write policy", "policy-now = 1": "write policy", "names-fil = 1": "write names-file", "Policy = 1": "write policy",
		"yes = true": "no setting is called \"yes\"",
	} {
		_, err := configured(t, "serve", nil, file)
		if want == "" != (err == nil) || err != nil && (!strings.Contains(err.Error(), want) || !isUsage(err)) {
			t.Errorf("%q: %v, not %q", file, err, want)
		}
	}
	// Commands without flags of their own take no notice.
	if _, err := configured(t, "version", nil, "nonsense"); err != nil {
		t.Errorf("version: %v", err)
	}
}
