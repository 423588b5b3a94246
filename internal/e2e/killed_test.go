package e2e

import (
	"errors"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// The owner is killed repeatedly during an active connection. Its ends do not
// notice, the next process owns the tracker with the same flow and all counts,
// and nothing is left in the end.
func TestKilled(t *testing.T) {
	kills := 3
	if chaos() {
		kills = 10
	}
	s := newServing(t)
	s.start(s.command())
	r := &rig{Lab: s.Lab, t: t, ctx: s.ctx}
	client, server := r.connect(r.Server.Addr4())
	say(t, client, server, "hello")
	first := established(t, s)
	// Until then the last acknowledgement may be on its way.
	s.eventually("nothing is on its way", func() bool { return tcpLost(t, s.Lab) == [2]int{} })

	stop, talked := make(chan struct{}), make(chan error, 1)
	go func() { talked <- talkUntil(stop, client, server) }()
	var took []time.Duration
	for range kills {
		last := established(t, s)
		s.kill()
		if out, err := exec.Command("ls", "/sys/fs/bpf/ctop").CombinedOutput(); err != nil {
			t.Fatalf("the pins are gone: %v: %s", err, out)
		}
		began := time.Now()
		s.start(s.command())
		took = append(took, time.Since(began))
		now := established(t, s)
		if now.ID != first.ID || now.Origin.Packets < last.Origin.Packets || now.Age < last.Age {
			t.Errorf("flow %v of %d packets, it was %v of %d", now.ID, now.Origin.Packets, first.ID, last.Origin.Packets)
		}
		if !strings.Contains(s.log.String(), "took over") {
			t.Errorf("it does not say that it took over: %s", s.log.end())
		}
	}
	close(stop)
	if err := <-talked; err != nil {
		t.Errorf("the connection: %v", err)
	}
	slices.Sort(took)
	t.Logf("%d kills; it served and forwarded after %s (median), %s (at most)", kills, took[len(took)/2], took[len(took)-1])
	s.eventually("every segment has arrived", func() bool { return tcpLost(t, s.Lab) == [2]int{} })
	s.kill()
	if err := tracker.Down(s.ctx, s.Client.Port(), s.Server.Port()); err != nil {
		t.Fatal(err)
	}
	checkDetached(t, s.Lab)
}

// established returns the flow of the only connection.
func established(t *testing.T, s *serving) flow.Flow {
	t.Helper()
	tr, err := tracker.Join(s.ctx, s.Client.Port(), s.Server.Port())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tr.Close() }()
	snapshot, err := tr.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range snapshot.Flows {
		if f.Tuple.Proto == flow.ProtocolTCP && f.State == flow.StateEstablished {
			return f
		}
	}
	t.Fatalf("no connection among %v", snapshot.Flows)
	return flow.Flow{}
}

// talkUntil sends a word back and forth every millisecond or so.
func talkUntil(stop chan struct{}, client, server interface {
	Read([]byte) (int, error)
	Write([]byte) (int, error)
	SetReadDeadline(time.Time) error
},
) error {
	buf := make([]byte, 1)
	for {
		select {
		case <-stop:
			return nil
		case <-time.After(time.Millisecond):
		}
		deadline := time.Now().Add(waitTimeout)
		if err := errors.Join(client.SetReadDeadline(deadline), server.SetReadDeadline(deadline)); err != nil {
			return err
		}
		for _, step := range []func([]byte) (int, error){client.Write, server.Read, server.Write, client.Read} {
			if _, err := step(buf); err != nil {
				return err
			}
		}
	}
}

// tcpLost returns how many TCP segments each host has sent, and the other one not received.
// Unlike retransmission timeouts, which a busy machine causes too, these are lost.
func tcpLost(t *testing.T, l *lab.Lab) (lost [2]int) {
	t.Helper()
	for i, h := range []*lab.Host{l.Client, l.Server} {
		out, err := h.Command(t.Context(), "grep", "^Tcp:", "/proc/net/snmp").Output()
		if err != nil {
			t.Fatal(err)
		}
		names, values, _ := strings.Cut(string(out), "\n")
		count := func(name string) int {
			at := slices.Index(strings.Fields(names), name)
			if at < 0 {
				t.Fatalf("no %s in %s", name, names)
			}
			n, err := strconv.Atoi(strings.Fields(values)[at])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		lost[i] += count("OutSegs") + count("RetransSegs")
		lost[1-i] -= count("InSegs")
	}
	return lost
}
