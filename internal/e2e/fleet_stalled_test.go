package e2e

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sys/unix"

	"ctop/internal/fleet"
	"ctop/internal/fleet/link"
	"ctop/internal/tmux"
	"ctop/tracker/flow"
)

// stalledRig is a hub, a real console, another one that notes when it hears what, and a host
// that says very much.
type stalledRig struct {
	*fleetRig
	console *tmux.Terminal
	other   *nats.Subscription
	host    *nats.Conn
	subject string
	message []byte
}

func newStalledRig(t *testing.T) *stalledRig {
	t.Helper()
	r := &stalledRig{fleetRig: newFleetRig(t)}
	space := fleet.Space("main")
	r.subject = space.Top("edge-1", fleet.View{Sort: "rate:desc", Limit: fleet.MaxTop}.Name())
	r.host = r.connect("edge-1")
	var err error
	other := r.connect("bob")
	if r.other, err = other.SubscribeSync(r.subject); err == nil {
		err = other.Flush() // what comes before the server has heard of it is not for it
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := r.other.SetPendingLimits(-1, -1); err != nil {
		t.Fatal(err)
	}
	path, err := ctopBinary()
	if err != nil {
		t.Fatal(err)
	}
	r.console, err = tmux.Start(r.ctx, tmux.Options{
		Width: 120, Height: 30, Command: append([]string{path, "fleet"}, r.as("ann")...),
		Env: []string{"HOME=" + r.state, "XDG_CONFIG_HOME=" + r.state, "XDG_STATE_HOME=" + r.state},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.console.Close() })
	r.message = topMessage(t)
	return r
}

func (r *stalledRig) connect(name string) *nats.Conn {
	r.t.Helper()
	known, err := fleet.ReadCredentials(r.creds(name))
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := link.Connect(link.Options{URL: hubAddress, Credentials: known})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	return c
}

// topMessage is what a host says of its first flows, as long as it may be.
func topMessage(t *testing.T) []byte {
	t.Helper()
	s := &flow.Snapshot{Time: time.Now(), Interfaces: []flow.Interface{{Name: "eth0"}}}
	var rows []*flow.Flow
	for i := range fleet.MaxTop {
		rows = append(rows, &flow.Flow{
			ID: flow.ID(i + 1), State: flow.StateEstablished, Timeout: time.Hour,
			Tuple: flow.Tuple{Proto: flow.ProtocolTCP, Zone: 1, Src: flow.MustParseEnd("10.0.0.7:" + strconv.Itoa(40000+i)), Dst: flow.MustParseEnd("192.0.2.1:443")},
		})
	}
	pages, err := fleet.Pages(s, rows)
	if err != nil {
		t.Fatal(err)
	}
	text, err := fleet.Head{Flows: fleet.MaxTop, Matching: fleet.MaxTop, Last: true}.Message(pages[0])
	if err != nil {
		t.Fatal(err)
	}
	return append(text, make([]byte, 32<<10)...) // a page is no longer one then, but what is slow is its way
}

// delays has the host speak for a while, and returns the longest time that it waited for the
// server, and that the other console waited for a message.
func (r *stalledRig) delays(span time.Duration) (host, other time.Duration) {
	r.t.Helper()
	for end := time.Now().Add(span); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		began := time.Now()
		for range 5 {
			if err := r.host.Publish(r.subject, r.message); err != nil {
				r.t.Fatal(err)
			}
		}
		if err := r.host.Flush(); err != nil {
			r.t.Fatal(err)
		}
		host = max(host, time.Since(began))
		for range 5 {
			if _, err := r.other.NextMsg(waitTimeout); err != nil {
				r.t.Fatal(err)
			}
		}
		other = max(other, time.Since(began))
	}
	return host, other
}

// A console that is stopped delays neither another one nor a host, though the server has more
// for it than it keeps for anybody. Later it goes on.
func TestFleetStalledConsole(t *testing.T) {
	r := newStalledRig(t)
	pid, err := r.console.Pid(r.ctx)
	if err != nil {
		t.Fatal(err)
	}
	looks := func() bool {
		screen, err := r.console.Screen(r.ctx)
		return err == nil && strings.Contains(screen, "Flows")
	}
	r.eventually("the console looks", looks)
	// Both waits are as long as each other, and a busy machine gets several tries: what the
	// server delays, it delays in each.
	const most, tries, span = 100 * time.Millisecond, 12, 4 * time.Second
	var seen []time.Duration
	for range tries {
		host, other := r.delays(span)
		if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		stalledHost, stalledOther := r.delays(span)
		if err := unix.Kill(pid, unix.SIGCONT); err != nil {
			t.Fatal(err)
		}
		r.eventually("the console looks again", looks)
		later := max(stalledHost-host, stalledOther-other)
		if seen = append(seen, later); later <= most {
			t.Logf("later by at most %s", later)
			return
		}
	}
	t.Errorf("a stalled console delays others by at least %s in %d tries: %s", slices.Min(seen), tries, seen)
}
