package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ctop/cmd/ctop/output"
	"ctop/internal/lab"
	"ctop/tracker/flow"
)

func TestReadCompared(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.json"), filepath.Join(dir, "bad.json")
	file, err := os.Create(good)
	if err != nil {
		t.Fatal(err)
	}
	s := &flow.Snapshot{Flows: []flow.Flow{{
		ID: 1, State: flow.StateNew, Tuple: flow.Tuple{Proto: flow.ProtocolUDP, Src: flow.MustParseEnd("10.0.0.1:1"), Dst: flow.MustParseEnd("10.0.0.2:2")},
	}}, Interfaces: []flow.Interface{{Name: "eth0"}}}
	if err := output.WriteSnapshot(file, output.JSON, output.View{Snapshot: s, Rows: []*flow.Flow{&s.Flows[0]}}); err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	if err := os.WriteFile(bad, []byte("flows"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"": "", good: "", bad: "compare: read " + bad, filepath.Join(dir, "none"): "compare: open ",
	} {
		f := consoleFlags{compare: name}
		options, err := f.readCompared()
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
		if (len(options) > 0) != (name == good) {
			t.Errorf("%s: %d options", name, len(options))
		}
	}
}

// A dumb terminal gets notes that it can show.
func TestNoteOnDumbTerminal(t *testing.T) {
	for term, want := range map[string]string{"dumb": "ctop: a = b\n", "xterm": "ctop: a ⇄ b\n"} {
		var said strings.Builder
		e := env{stderr: &said, getenv: func(string) string { return term }}
		if e.note("a %s b", "⇄"); said.String() != want {
			t.Errorf("%s: %q", term, said.String())
		}
	}
}

// A dump is compared as ctop diff compares, or says in one line why not.
func TestDumpCompared(t *testing.T) {
	lab.Require(t)
	path, before := conversation(t), filepath.Join(t.TempDir(), "before.json")
	if err := os.WriteFile(before, []byte(dumped("1", "2")), 0o600); err != nil {
		t.Fatal(err)
	}
	all, _, err := headless(t, "replay", "--dump", "-o", "jsonl", path)
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, err := headless(t, "replay", "--dump", "--compare", before, path)
	came := strings.Count(all, "\n")
	if err != nil || !strings.HasPrefix(stdout, "CHANGE") || strings.Count(stdout, "\nwent ") != 2 || strings.Count(stdout, "\ncame ") != came {
		t.Errorf("%v\n%s%s", err, stdout, stderr)
	}
	if want := fmt.Sprintf("%d came, 2 went, 0 changed, 0 stayed the same", came); !strings.Contains(stderr, want) {
		t.Errorf("%q, not %q", stderr, want)
	}
	stdout, _, err = headless(t, "replay", "--dump", "-o", "json", "--filter", "went", "--limit", "1", "--compare", before, path)
	if err != nil || !strings.Contains(stdout, `"schema": "ctop.diff/1"`) || strings.Count(stdout, `"change":"went"`) != 1 || strings.Contains(stdout, `"change":"came"`) {
		t.Errorf("%v\n%s", err, stdout)
	}
	for args, want := range map[string]string{
		"replay --dump --compare none":                                "compare: open none",
		"replay --dump --sort age --compare " + before:                "--sort does not work with --compare",
		"replay --events --compare " + before:                         "--compare works only without --events",
		"fleet --dump --url x --compare " + before:                    "--compare needs all flows",
		"--dump --interval 1s --compare " + before:                    "--compare and --interval exclude each other",
		"demo --fleet --dump --compare " + before:                     "--compare needs all flows",
		"replay --dump --filter host:example.org --compare " + before: "--filter: ",
	} {
		fields := strings.Fields(args)
		if fields[0] == "replay" {
			fields = append(fields, path)
		}
		if _, _, err := headless(t, fields...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, not %s", args, err, want)
		}
	}
}
