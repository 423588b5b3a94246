package console

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ctop/internal/paint/painttest"
)

const (
	slowRate      = 2_000
	slowRoundTrip = 300 * time.Millisecond
)

// viewed is a client's terminal, which notes when it changes.
type viewed struct {
	mu       sync.Mutex
	terminal *painttest.Terminal
	writes   int
}

func (v *viewed) Write(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.writes++
	return v.terminal.Write(p)
}

func (v *viewed) String() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.terminal.Text()
}

// until waits until the terminal shows text, and returns how long that took.
func (v *viewed) until(t *testing.T, what string, holds func(string) bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !holds(v.String()) {
		if time.Since(begin) > time.Minute {
			t.Fatalf("never: %s:\n%s", what, v)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(begin)
}

// TestSlowLink has a console over a link of 2 kB/s and 300 ms, while the flows change
// with every look: a key shows something within two round trips, a whole page within
// three seconds, and the header says which part of the frames comes. The clock is a
// simulated one, so a busy machine changes nothing.
func TestSlowLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := newRelay()
		r := newRigAt(t, Limits{}, link)
		r.source.flows.Store(200)
		r.source.busy.Store(true)
		_, fast, quit := r.over(link, 0, 0)
		fast.until(t, "the flows", showsFlows)
		quit.press("?")
		fast.until(t, "the help", func(text string) bool { return !showsFlows(text) })
		time.Sleep(time.Second)
		help := strings.Split(fast.String(), "\n")
		quit.end()

		conn, v, s := r.over(link, slowRate, slowRoundTrip)
		v.until(t, "the flows", showsFlows)
		v.until(t, "slow link", func(text string) bool { return strings.Contains(text, "slow link 1/") })
		for round := range 8 {
			time.Sleep(4*time.Second + time.Duration(round)*230*time.Millisecond)
			key, seen := "?", func(rows int) bool { return rows > 0 }
			whole := func(rows, all int) bool { return rows == all }
			if round%2 == 1 {
				key, seen = "\x1b", func(rows int) bool { return rows < rowsOf(help, help) }
				whole = func(rows, _ int) bool { return rows == 0 }
			}
			down := conn.from.delivered.Load()
			s.press(key)
			first := v.until(t, "a change", func(text string) bool { return seen(rowsOf(help, strings.Split(text, "\n"))) })
			page := first + v.until(t, "the page", func(text string) bool {
				return whole(rowsOf(help, strings.Split(text, "\n")), rowsOf(help, help))
			})
			t.Logf("key %d: a change after %s, the page after %s, %d bytes", round, first, page, conn.from.delivered.Load()-down)
			if first > 2*slowRoundTrip || page > 3*time.Second {
				t.Errorf("key %d: that is too slow", round)
			}
		}
		s.end()
		r.stop()
	})
}

// showsFlows reports whether a screen has flows.
func showsFlows(text string) bool { return strings.Contains(text, ":40000") }

// rowsOf counts the rows of a page, below its header, that a screen shows where the page
// has them.
func rowsOf(page, screen []string) (n int) {
	for i := 2; i < len(page)-2 && i < len(screen); i++ {
		if strings.TrimSpace(page[i]) != "" && page[i] == screen[i] {
			n++
		}
	}
	return n
}

// over opens a console over a link.
func (r *rig) over(link *relay, rate int, roundTrip time.Duration) (*relayed, *viewed, *hands) {
	r.t.Helper()
	conn := link.dial()
	c := r.login(conn, r.ann)
	conn.slow(rate, roundTrip)
	v := &viewed{terminal: painttest.New(80, 24)}
	return conn, v, &hands{r, r.openOn(c, v, "xterm-256color", 80, 24)}
}

// hands are those at the keys of a console.
type hands struct {
	rig    *rig
	screen *screen
}

func (h *hands) press(keys string) { h.rig.press(h.screen, keys) }

// end quits the console.
func (h *hands) end() {
	h.press("\x03")
	_ = h.rig.end(h.screen)
}
