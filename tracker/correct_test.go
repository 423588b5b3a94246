package tracker

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
	"ctop/tracker/owner"
)

// A look is repeated when its CPU time is a hundredth of what has passed, and no sooner
// than after a tenth of a second.
func TestPauseAfter(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0: correctSoon, time.Microsecond: correctSoon, 20 * time.Millisecond: 2 * time.Second, 300 * time.Millisecond: 30 * time.Second,
	} {
		if got := pauseAfter(took); got != want {
			t.Errorf("after %s it pauses %s, want %s", took, got, want)
		}
	}
}

// A process may have a socket in very many files, and very many processes may have it:
// little is kept of them.
func TestHoldersAreBounded(t *testing.T) {
	h, err := newHolders(nil)
	if err != nil {
		t.Fatal(err)
	}
	local, remote := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.2:2")
	for pid := range 100 {
		for fd := range 100 {
			s := kernel.Held{Local: local, Remote: remote, FD: uint32(fd)}
			s.Process.Pid = uint32(pid)
			h.add(&s)
			s.Remote = netip.AddrPort{} // it listens
			h.add(&s)
		}
	}
	if len(h.sockets) != 1 || h.held != maxHolders {
		t.Errorf("%d sockets of %d connections are kept, want %d of one", h.held, len(h.sockets), maxHolders)
	}
	// In another network namespace the tuple is another connection.
	s := kernel.Held{Local: local, Remote: remote, Netns: 1}
	if h.add(&s); h.held != maxHolders+1 {
		t.Error("a connection of another namespace is not kept")
	}
}

// That owners cannot be corrected is logged once, however often it fails.
func TestFailedCorrectionIsLoggedOnce(t *testing.T) {
	lab.Require(t)
	objects, err := kernel.Load(kernel.Options{MaxFlows: flow.MinMaxFlows})
	must(t, err)
	table, err := kernel.NewTable(objects)
	objects.Close() // so that its clock cannot be read
	must(t, err)
	var log bytes.Buffer
	c := correction{tracker: &Tracker{
		table: table, who: &kernel.Who{}, hold: owner.New(nil, owner.Description{}, ""), log: slog.New(slog.NewTextHandler(&log, nil)),
	}}
	for look, want := range []int{1, 0} {
		c.soonest, c.next = time.Time{}, time.Time{}
		if c.look(t.Context()); strings.Count(said(&log), "level=WARN") != want {
			t.Errorf("look %d does not log %d warnings", look, want)
		}
	}
}
