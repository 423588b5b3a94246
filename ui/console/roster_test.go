package console

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"
)

// arrive lets somebody in, to a console or to run a command.
func (r *roster) arrive(t *testing.T, role Role, name string, console bool) *session {
	t.Helper()
	s := &session{who: identity{key: &Key{Role: role, Fingerprint: "SHA256:" + name, Comment: name}}}
	s.console.Store(console)
	if err := r.enter(s); err != nil {
		t.Fatal(err)
	}
	return s
}

// Present counts the consoles of everybody, and no commands.
func TestPresent(t *testing.T) {
	r := newRoster(DefaultLimits(), time.Now)
	r.arrive(t, Viewer, "vic", true)
	r.arrive(t, Operator, "bob", false)
	left := r.arrive(t, Operator, "ann", true)
	r.arrive(t, Operator, "ann", true)
	r.arrive(t, Operator, "cay", true)
	want := []string{"operator ann (2)", "operator cay", "viewer vic"}
	if got := r.Present(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	r.leave(left)
	r.leave(left) // which changes nothing
	want[0] = "operator ann"
	if got := r.Present(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A roster has places for so many sessions, some of them for operators only, and
// gives those back that become free.
func TestRosterPlaces(t *testing.T) {
	limits := Limits{Sessions: 4, SessionsPerKey: 2}.withDefaults()
	r := newRoster(limits, time.Now)
	vic := r.arrive(t, Viewer, "vic", false)
	r.arrive(t, Viewer, "val", false)
	for _, tt := range []struct {
		role Role
		name string
		want string
	}{
		{Viewer, "vet", "all sessions of viewers are taken"},
		{Operator, "ann", ""},
		{Operator, "ann", ""},
		{Operator, "ann", "all 4 sessions are taken"},
	} {
		err := r.enter(&session{who: identity{key: &Key{Role: tt.role, Fingerprint: "SHA256:" + tt.name}}})
		if got := ""; err == nil && tt.want != got || err != nil && (tt.want == "" || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s %s: %v, want %q", tt.role, tt.name, err, tt.want)
		}
	}
	r.leave(vic)
	third := &session{who: identity{key: &Key{Role: Operator, Fingerprint: "SHA256:ann"}}}
	if err := r.enter(third); err == nil || !strings.Contains(err.Error(), "your key has 2 sessions") {
		t.Error(err)
	}
	r.arrive(t, Viewer, "vet", false)
	if left := r.close(); len(left) != 4 {
		t.Errorf("%d sessions", len(left))
	}
	if err := r.enter(third); !errors.Is(err, errStopping) {
		t.Error(err)
	}
}

// The board keeps the latest notices, and everybody reads on where they were.
func TestBoard(t *testing.T) {
	var b board
	for i := range mostNotices + 2 {
		b.addNotice(time.Unix(int64(i), 0), "n")
	}
	list, next := b.Notices(0)
	if len(list) != mostNotices || next != mostNotices+2 || list[0].Time.Unix() != 2 {
		t.Errorf("%d notices up to %d, the first of %s", len(list), next, list[0].Time)
	}
	if list, next = b.Notices(next - 1); len(list) != 1 || list[0].Time.Unix() != mostNotices+1 || next != mostNotices+2 {
		t.Errorf("%d notices up to %d", len(list), next)
	}
	if list, _ = b.Notices(next + 5); len(list) != 0 {
		t.Errorf("%d notices of the future", len(list))
	}
}

// Failures of addresses are counted for a minute, and their number is bounded.
func TestGateForgetsFailures(t *testing.T) {
	g, now := newTestGate(Limits{})
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	for i := range mostAddresses - 1 {
		g.fail(addr(i))
	}
	*now = now.Add(failureWindow)
	g.fail(addr(mostAddresses))
	if n := len(g.failures); n != mostAddresses {
		t.Fatalf("%d addresses, although there was room", n)
	}
	g.fail(addr(mostAddresses + 1)) // those of a minute ago are forgotten
	if n := len(g.failures); n != 2 {
		t.Errorf("%d addresses, 2 have failed in the last minute", n)
	}
	for i := range mostAddresses {
		g.fail(addr(2*mostAddresses + i))
	}
	if n := len(g.failures); n > mostAddresses {
		t.Errorf("%d addresses are remembered", n)
	}
	h := sourceOf(addr(3*mostAddresses - 1))
	if g.failuresOf(h) != 1 {
		t.Error("the last failure is forgotten")
	}
	g.fail(addr(3*mostAddresses - 1))
	*now = now.Add(failureWindow - 1)
	if g.failuresOf(h) != 2 {
		t.Errorf("%d failures in the minute", g.failuresOf(h))
	}
	*now = now.Add(1)
	if g.failuresOf(h) != 0 {
		t.Error("a failure counts after the minute")
	}
}

// Addresses are known for a week, a thousand of them.
func TestGateForgetsTheKnown(t *testing.T) {
	g, now := newTestGate(Limits{})
	first := netip.MustParseAddr("192.0.2.1")
	g.know(first)
	*now = now.Add(knownFor - 1)
	if !g.isKnown(sourceOf(first)) {
		t.Error("forgotten within the week")
	}
	*now = now.Add(1)
	if g.isKnown(sourceOf(first)) {
		t.Error("known after the week")
	}
	for i := range mostKnown {
		*now = now.Add(1)
		g.know(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
	}
	if _, there := g.known[sourceOf(first)]; there || len(g.known) != mostKnown {
		t.Errorf("%d are known, the oldest among them: %v", len(g.known), there)
	}
}

// Refused clients get the reason every time, but only a limited number at once.
func TestTurnAway(t *testing.T) { synctest.Test(t, testTurnAway) }

func testTurnAway(t *testing.T) {
	s := &Server{clock: time.Now, farewells: make(chan struct{}, 1)}
	answer := func() string {
		here, there := net.Pipe()
		defer func() { _ = there.Close() }()
		done := make(chan struct{})
		go func() {
			s.turnAway(here, errors.New("no room"))
			_ = here.Close()
			close(done)
		}()
		text := make([]byte, 100)
		_ = there.SetReadDeadline(time.Now().Add(waitTimeout))
		n, _ := there.Read(text)
		_ = there.Close()
		<-done
		return string(text[:n])
	}
	for range 3 {
		if got := answer(); got != "ctop: no room\r\n" {
			t.Errorf("the client got %q", got)
		}
	}
	s.farewells <- struct{}{}
	if got := answer(); got != "" {
		t.Errorf("the client got %q, although another one is being refused", got)
	}
}

// A signal ends a command, as it ends a local one.
func TestSignals(t *testing.T) {
	r := newRig(t, Limits{})
	for _, signal := range []ssh.Signal{ssh.SIGINT, ssh.SIGTERM, ssh.SIGHUP} {
		c := r.dial(r.ann)
		x, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Start("wait"); err != nil {
			t.Fatal(err)
		}
		if err := x.Signal(ssh.SIGUSR1); err != nil { // which it does not heed
			t.Fatal(err)
		}
		if err := x.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := x.Wait(); err != nil {
			t.Errorf("%s: %v", signal, err)
		}
		_ = c.Close()
	}
	r.serves()
}
