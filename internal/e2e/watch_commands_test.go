package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/internal/lab"
)

// Every command takes one interface.
func TestWatchByEveryCommand(t *testing.T) {
	l, ctx := newLabWith(t, lab.Options{Bridge: true})
	port := l.Client.Port()
	file := filepath.Join(t.TempDir(), "night.ctop")
	for name, args := range map[string][]string{
		"serving": {"serve", port}, "recorded": {"record", "--for", "200ms", file, port},
		"interfaces": {"--dump", "-o", "json", "--for", "200ms", port},
		" in ":       {"--trace", "", port}, "new": {"events", port},
	} {
		cmd := ctop(ctx, t, args...)
		var out said
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(waitTimeout); !strings.Contains(out.String(), name); {
			if err := lab.WaitPing(ctx, l.Client, l.Server.Addr4()); err != nil || time.Now().After(deadline) {
				t.Fatalf("ctop %v never says %q: %v: %s", args, name, err, out.String())
			}
		}
		if !slices.Contains(args, "--for") { // that ends by itself
			_ = cmd.Process.Signal(os.Interrupt)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("ctop %v: %v: %s", args, err, out.String())
		}
		checkDetached(t, l)
	}
}
