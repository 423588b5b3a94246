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
	for _, name := range settingNames(everyCommand(root)) {
		if !strings.Contains(text, "--"+name) {
			t.Errorf("--%s is missing", name)
		}
	}
	for _, cmd := range documented(root) {
		if !strings.Contains(text, `.SS "`+cmd.CommandPath()) {
			t.Errorf("ctop %s is missing", cmd.Name())
		}
	}
}

// TestManualNamesAll has what scripts rely on in the page: formats, policies,
// modes, states, events, reasons and timeouts.
func TestManualNamesAll(t *testing.T) {
	root := newRootCommand(env{stdout: io.Discard, stderr: io.Discard})
	text := strings.ReplaceAll(manual(root), `\-`, "-")
	names := strings.Fields(`table|wide|json|jsonl|csv observe|enforce auto|native|tc|generic
		new update destroy lost rst closed expired deleted evicted reused reset
		NEW SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 LAST_ACK TIME_WAIT
		tcp_syn_sent tcp_syn_recv tcp_established tcp_fin_wait tcp_last_ack tcp_time_wait
		udp_unidirectional udp_bidirectional icmp CTOP_ NO_COLOR XDG_CONFIG_HOME
		--dump --for --output --filter --sort --limit --max-flows --policy --mode --keep
		--timeout --names --no-color --ssh --metrics --interval --count --audit --theme`)
	for _, section := range []string{"FILTERS", "KEYS", "CONFIGURATION", "ENVIRONMENT", "EXIT STATUS", "FILES"} {
		names = append(names, `.SH "`+section+`"`)
	}
	for _, name := range names {
		if !strings.Contains(text, name) {
			t.Errorf("%s is missing", name)
		}
	}
}
