package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestManual compares the page that is committed with what help says now.
func TestManual(t *testing.T) {
	root := newRootCommand(env{stdout: io.Discard, stderr: io.Discard})
	root.InitDefaultHelpFlag()
	committed, err := os.ReadFile(filepath.Join("..", "..", "docs", "ctop.8"))
	if err != nil {
		t.Fatal(err)
	}
	if manual(root) != string(committed) {
		t.Error("docs/ctop.8 is stale: run go generate ./cmd/ctop and commit what it changes")
	}
}

func TestEscape(t *testing.T) {
	const text, want = ".so x\n'a-b\\c", "\\&.so x\n\\&'a\\-b\\ec"
	if got := escape(text); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestManualIsWhole has every command, flag and setting in the page.
func TestManualIsWhole(t *testing.T) {
	root := newRootCommand(env{stdout: io.Discard, stderr: io.Discard})
	text := strings.ReplaceAll(manual(root), `\-`, "-")
	for _, name := range settingNames(append(root.Commands(), root)) {
		if !strings.Contains(text, "--"+name) {
			t.Errorf("--%s is missing", name)
		}
	}
	for _, cmd := range documented(root) {
		if !strings.Contains(text, `.SS "ctop `+cmd.Name()) {
			t.Errorf("ctop %s is missing", cmd.Name())
		}
	}
}
