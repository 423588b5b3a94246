package e2e

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"ctop/internal/lab"
)

// The demo of a machine has traffic with names to read: a server's in TLS, and one that DNS gave.
func TestDemoNames(t *testing.T) {
	lab.Require(t)
	path, err := ctopBinary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*waitTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "demo", "--watch", "--names=traffic", "--dump", "--interval", "1s", "-o", "jsonl")
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	missing := []string{`"server":{"name":"api.example.com","source":"sni"}`, `"server":{"name":"backup.example.com","source":"dns"}`}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		before := len(missing)
		missing = slices.DeleteFunc(missing, func(one string) bool { return strings.Contains(lines.Text(), one) })
		if len(missing) == 0 && before > 0 {
			_ = cmd.Process.Signal(os.Interrupt)
		}
	}
	if err := cmd.Wait(); err != nil || len(missing) > 0 {
		t.Errorf("%v: it never had %s", err, strings.Join(missing, " and "))
	}
}
