package ui

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"ctop/tracker/flow"
)

func TestDeleteAsksFirst(t *testing.T) {
	for _, no := range []string{"n", "esc", "enter", "q", "x"} {
		c := newConsole(t, 80, 24, flowsUpTo(10))
		c.press("d")
		c.shows("delete 1 flow?", "tcp 10.0.0.0:40000 → 192.168.1.10:443", "observe: forgotten only")
		c.press(no)
		if len(c.source.deleted) > 0 {
			t.Errorf("%s deletes", no)
		}
	}
}

func TestDeleteTheSelected(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(10))
	c.press("down", "d")
	// Another flow comes to stand where the cursor was: it is not the one that
	// was asked about.
	c.publish(flowsUpTo(10)[5:], time.Second)
	c.press("y")
	if want := []flow.Ref{refOf(3)}; !slices.Equal(c.source.deleted, want) {
		t.Fatalf("deleted %v, not %v", c.source.deleted, want)
	}
	c.shows("deleted 0 flows, 1 already gone")
}

func TestDeleteTheMarked(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(10))
	c.press("space", "space")
	c.shows("2 marked", " ●")
	// The filter hides them; they stay marked.
	c.press("/", "udp", "enter", "d")
	c.shows("delete 2 flows?", "1 ESTABLISHED · 1 FIN_WAIT_2", "marked")
	c.press("y")
	want := []flow.Ref{refOf(0), refOf(3)}
	if !slices.Equal(c.source.deleted, want) {
		t.Fatalf("deleted %v, not %v", c.source.deleted, want)
	}
	c.shows("deleted 1 flow, 1 already gone")
}

func TestMarksGoWithEscapeAndWithTheFlow(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(10))
	c.press("space", "space")
	c.source.events = []flow.Event{destroy(fakeFlow(0), flow.ReasonRST, start)}
	c.pass(time.Second)
	c.shows("1 marked")
	c.press("esc")
	c.hides("marked")
}

func TestDeleteAllTakesTheCount(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(100))
	c.press("/", "proto:udp", "enter", "D")
	c.shows("delete 20 flows?", "filter  proto:udp", "20 NEW", "type 20")
	c.press("y", "enter")
	c.press("backspace", "2", "enter")
	if len(c.source.deleted) > 0 {
		t.Fatal("deleted without the count")
	}
	c.press("0", "enter")
	if len(c.source.deleted) != 20 {
		t.Fatalf("deleted %d flows, not 20", len(c.source.deleted))
	}
}

func TestPolicyIsExplained(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(1))
	s := snapshotOf(start, flowsUpTo(1))
	s.Policy = flow.PolicyEnforce
	c.source.snapshot = s
	c.pass(time.Second)
	c.press("d")
	c.shows("enforce: TCP is cut off")
}

func TestFlowTimeouts(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(1))
	c.press("+")
	c.shows("its timeout is now 10d, was 5d")
	c.press("+", "-", "0")
	want := []string{"1=240h0m0s", "1=480h0m0s", "1=240h0m0s", "1=0s"}
	if !slices.Equal(c.source.timeouts, want) {
		t.Fatalf("set %v, not %v", c.source.timeouts, want)
	}
}

func TestShorteningToDeathAsks(t *testing.T) {
	f := fakeFlow(0)
	f.Timeout, f.Idle = time.Minute, 40*time.Second
	c := newConsole(t, 80, 24, []flow.Flow{f})
	c.press("-")
	c.shows("end 1 flow?", "silent for longer than 30s")
	c.press("n")
	if len(c.source.timeouts) > 0 {
		t.Fatal("shortened without an answer")
	}
	c.press("-", "y")
	if want := []string{"1=30s"}; !slices.Equal(c.source.timeouts, want) {
		t.Fatalf("set %v, not %v", c.source.timeouts, want)
	}
}

func TestEditingATimeout(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(100))
	c.press("t")
	c.shows("tcp_established", "5d", "every other protocol")
	c.press("enter", "5x", "enter")
	c.shows(`"5x" is not a duration`)
	c.press("backspace", "m")
	c.shows("touches 20 flows, ends 0 now")
	c.press("enter")
	c.shows("tcp_syn_sent is now 5m")
	if want := []string{"tcp_syn_sent=5m0s"}; !slices.Equal(c.source.timeouts, want) {
		t.Fatalf("set %v, not %v", c.source.timeouts, want)
	}
}

func TestATimeoutThatEndsFlowsAsks(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(100))
	ending := 0
	for _, f := range flowsUpTo(100) {
		if f.TimeoutName == flow.TCPSynSent && f.Idle >= 10*time.Second {
			ending++
		}
	}
	c.press("t", "enter", "10s")
	c.shows(fmt.Sprintf("touches 20 flows, ends %d now", ending))
	c.press("enter")
	c.shows("tcp_syn_sent: 2m → 10s?", fmt.Sprintf("%d flows silent for longer", ending))
	c.press("enter")
	if len(c.source.timeouts) > 0 {
		t.Fatal("set without an answer")
	}
	c.press("enter", "10s", "enter", "y")
	if len(c.source.timeouts) != 1 {
		t.Fatal("not set")
	}
}

func TestEventsFollow(t *testing.T) {
	c := newConsole(t, 100, 24, flowsUpTo(10))
	c.press("2")
	c.shows("nothing has happened yet")
	c.source.events = someEvents()
	c.pass(time.Second)
	c.shows("lost 123 events", "SYN_RECV", "5/5")
	c.cursorOn("expired")
	c.press("up")
	c.shows("G follows")
	c.source.events = append(c.source.events, destroy(fakeFlow(8), flow.ReasonRST, start))
	c.pass(time.Second)
	c.cursorOn("ESTABLISHED")
	c.press("G")
	c.cursorOn("rst")
	c.press("/", "udp", "enter")
	c.shows("2/6", "lost 123 events")
}

func TestEventsOpenTheFlow(t *testing.T) {
	c := newConsole(t, 100, 24, flowsUpTo(10))
	c.source.events = someEvents()
	c.pass(time.Second)
	c.press("2", "g", "enter")
	c.shows("tcp 10.0.0.0:40000", "timeline")
	c.press("esc")
	c.shows("[2 Events]")
}

func refOf(i int) flow.Ref {
	f := fakeFlow(i)
	return f.Ref()
}
