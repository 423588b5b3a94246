package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ctop/cmd/ctop/output"
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
