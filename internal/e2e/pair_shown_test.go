package e2e

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"

	"ctop/internal/scrape"
)

// shownPair is what a ctop that joins a tracker says of its pair.
type shownPair struct {
	State, Partner string
	Lag            float64 `json:"lag_s"`
	warnings       string
}

func (r *pairRig) shown(h *pairHalf) shownPair {
	r.t.Helper()
	out, err := ctop(r.ctx, r.t, "--dump", "--for", "100ms", "-o", "json", h.wire[0], h.wire[1]).Output()
	if err != nil {
		r.t.Fatalf("dump: %v", err)
	}
	var s struct {
		Tracker struct {
			Pair     shownPair
			Warnings []string
		}
	}
	if err := json.Unmarshal(out, &s); err != nil {
		r.t.Fatalf("dump: %v: %s", err, out)
	}
	s.Tracker.Pair.warnings = strings.Join(s.Tracker.Warnings, "; ")
	return s.Tracker.Pair
}

// health returns the answer to a health check, empty if there is none.
func (h *pairHalf) health() string {
	_, text, _ := scrape.Page(h.metrics, "/healthz")
	return text
}

// console opens the console of a half's tracker, which may own a tracker without an owner,
// and returns what ends it.
func (r *pairRig) console(h *pairHalf) (end func()) {
	r.t.Helper()
	cmd := ctop(r.ctx, r.t, h.wire[0], h.wire[1])
	terminal, tty, err := pty.Open()
	if err == nil {
		err = pty.Setsize(terminal, &pty.Winsize{Rows: 24, Cols: 80})
	}
	if err != nil {
		r.t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	_ = tty.Close()
	screen := &said{}
	go func() { _, _ = io.Copy(screen, terminal) }()
	end = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		_ = terminal.Close()
	})
	r.t.Cleanup(end)
	r.eventually("a console", func() bool { return strings.Contains(screen.String(), "joined") })
	return end
}

// Whoever joins a tracker sees its pair: in sync with a lag, then alone, and that ctop serve
// has died.
func TestPairIsShown(t *testing.T) {
	r := newPairRig(t)
	first, second := r.halves[0], r.halves[1]
	r.begin(first)
	// A dump that comes first would begin the tracker, and own it.
	r.eventually("gate-1 serves", func() bool { return len(first.read()) > 0 })
	r.eventually("gate-1 has no partner", func() bool {
		// A dump would attach a tracker of its own before there is one.
		return strings.Contains(first.health(), "ok\nthe pair has no partner yet\n") && r.shown(first).State == "alone"
	})
	r.begin(second)
	r.synced()
	for _, h := range r.halves {
		r.eventually("it is in sync", func() bool {
			p := r.shown(h)
			return p.State == "in_sync" && strings.HasPrefix(p.Partner, "gate-") && p.Partner != h.name && p.Lag > 0 && p.warnings == ""
		})
		// It looks every second by itself.
		r.eventually("its health says so", func() bool { return h.health() == "ok\n" })
	}
	quit := r.console(second) // leaves the tracker to the ctop that is started again
	_ = second.cmd.Process.Kill()
	_ = second.cmd.Wait()
	r.eventually("gate-2 is silent", func() bool {
		p := r.shown(first)
		return p.State == "away" && p.warnings == "gate-2 is silent" && first.health() == "ok\ngate-2 is silent\n"
	})
	r.eventually("gate-2's ctop has died", func() bool { return r.shown(second).State == "stopped" })
	r.begin(second)
	r.synced()
	r.eventually("it is in sync again", func() bool { return r.shown(second).State == "in_sync" && r.shown(first).State == "in_sync" })
	quit()
	r.stop()
}
