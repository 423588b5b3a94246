package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// dumped is the JSON of a dump with one flow for each id.
func dumped(ids ...string) string {
	var flows []string
	for _, id := range ids {
		flows = append(flows, `{"id":"`+id+`","proto":"tcp","state":"ESTABLISHED",`+
			`"origin":{"src":"10.0.0.1","sport":4000`+id+`,"dst":"10.0.0.2","dport":443,"packets":2,"bytes":200},`+
			`"reply":{"src":"10.0.0.2","sport":443,"packets":1,"bytes":100},"in":"eth0"}`)
	}
	return `{"schema":"ctop.snapshot/1","time":"2026-11-22T21:04:05Z","flows":[` + strings.Join(flows, ",") + "]}\n"
}

// diffed runs ctop diff on files with the given texts.
func diffed(t *testing.T, before, after string, flags ...string) (stdout, stderr string, err error) {
	t.Helper()
	dir := t.TempDir()
	args := append([]string{"diff"}, flags...)
	for name, text := range map[string]string{"before.json": before, "after.json": after} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return headless(t, append(args, filepath.Join(dir, "before.json"), filepath.Join(dir, "after.json"))...)
}

// TestDiff compares two dumps.
func TestDiff(t *testing.T) {
	changed := strings.Replace(dumped("1", "3"), `"bytes":200`, `"bytes":500`, 1)
	for _, tt := range []struct {
		flags string
		want  []string
	}{
		{"", []string{"came 40003", "went 40002", "changed 40001"}},
		{"--only came,changed", []string{"came 40003", "changed 40001"}},
		{"--limit 1", []string{"came 40003"}},
		{"--filter sport:40002", []string{"went 40002"}},
		{"--filter !sport:40002", []string{"came 40003", "changed 40001"}},
	} {
		stdout, stderr, err := diffed(t, dumped("1", "2"), changed, append(strings.Fields(tt.flags), "-o", "csv")...)
		if err != nil {
			t.Fatal(tt.flags, err)
		}
		var got []string
		for line := range strings.Lines(stdout) {
			if f := strings.Split(line, ","); f[0] != "change" {
				got = append(got, f[0]+" "+f[10])
			}
		}
		if strings.Join(got, "; ") != strings.Join(tt.want, "; ") || stderr != "" {
			t.Errorf("%q: %q, want %q; %q", tt.flags, got, tt.want, stderr)
		}
	}
	stdout, stderr, err := diffed(t, dumped("1", "2"), changed)
	if err != nil || !strings.Contains(stdout, "+300 B") || !strings.Contains(stderr, "1 came, 1 went, 1 changed, 0 stayed the same, +600 B, in 0 seconds") {
		t.Errorf("%v\n%s%s", err, stdout, stderr)
	}
}

// TestDiffRefuses says in one line what is wrong with an argument or a file.
func TestDiffRefuses(t *testing.T) {
	good := dumped("1")
	for _, tt := range []struct{ before, after, flags, want string }{
		{good, "", "", "after.json: it contains no snapshot"},
		{"\x1b[31m", good, "", "before.json: it is neither JSON of ctop --dump nor a recording"},
		{good, good[:40], "", "after.json: it ends in the middle of an object"},
		{good, good, "--only gone", `no change is called "gone": use came, went or changed`},
		{good, good, "--by name", `cannot be compared by "name": use any, id or tuple`},
		{good, good, "--filter nonsense:", "--filter:"},
	} {
		_, _, err := diffed(t, tt.before, tt.after, strings.Fields(tt.flags)...)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.ContainsAny(err.Error(), "\n\x1b") || strings.Count(err.Error(), "a recording") > 1 {
			t.Errorf("%q: %v, want %q", tt.flags, err, tt.want)
		}
	}
	for _, args := range [][]string{{"diff"}, {"diff", "x"}, {"diff", "-", "-"}, {"diff", "/nonexistent", "-"}} {
		if _, _, err := headless(t, args...); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}

// Of a list that is set twice the last one counts, as everywhere.
func TestChangesSetTwice(t *testing.T) {
	var v changesValue
	for _, list := range []string{"came", "went, changed"} {
		if err := v.Set(list); err != nil {
			t.Fatal(err)
		}
	}
	if got := v.String(); got != "went,changed" {
		t.Errorf("the list is %s", got)
	}
}
