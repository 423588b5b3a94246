package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// TestHostileArguments has names and flags with escape sequences in them, as
// scripts pass them on from elsewhere: none of them comes out on a terminal.
func TestHostileArguments(t *testing.T) {
	const evil = "\x1b]0;x\x07\u009b2J\x7f\xff"
	dir := t.TempDir()
	file := filepath.Join(dir, evil+".ctop")
	if err := os.WriteFile(file, []byte("ctop.recording/1\n"+evil), 0o600); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, evil+".toml")
	if err := os.WriteFile(config, []byte(evil+" = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"replay", evil},
		{"replay", "--dump", file},
		{"replay", dir},
		{"replay", "--dump", "/dev/null/" + evil},
		{evil},
		{evil, evil},
		{evil, evil, evil},
		{"--" + evil},
		{"-" + evil},
		{"-o", evil},
		{"--sort", evil},
		{"--dump", "--filter", evil},
		{"--dump", "--filter", "host:" + evil},
		{"--policy", evil},
		{"--timeout", evil},
		{"delete", evil},
		{"timeouts", evil},
		{"timeouts", evil + "=1s"},
		{"down", evil, evil},
		{"events", evil, "b"},
		{"--config", config},
		{"--config", evil},
		{"serve", "a" + evil, "b"},
		{"serve", "a", "b", "--ssh", evil},
		{"record", dir + "/" + evil + "/x", evil, "b"},
		{"help", evil},
		{"completion", evil},
		{"--audit", evil, "delete", "443"},
	} {
		var stdout, stderr bytes.Buffer
		status := execute(context.Background(), env{
			args: args, stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr,
			getenv: func(string) string { return "" },
		})
		out := stdout.String() + stderr.String()
		if strings.ContainsFunc(out, func(r rune) bool { return unicode.IsControl(r) && r != '\n' || r == '\uFFFD' }) {
			t.Errorf("%q: %q", args, out)
		}
		if status == exitDone && args[0] != "help" {
			t.Errorf("%q: done: %q", args, out)
		}
	}
}
