package ui

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

func TestTalkersCountWhatTheFilterShows(t *testing.T) {
	c := newConsole(t, 120, 30, flowsUpTo(100))
	c.press("3", "B", "B", "B", "B", "B", "B", "B", "B", "/", "udp or icmp", "enter")
	c.shows("PROTOCOL", "udp", "icmp", "2 groups", "filter: udp or icmp")
	c.hides(" tcp ")
}

func TestFilterErrorsPointAtTheirColumn(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(10))
	c.press("/", "tcp state:x")
	lines := strings.Split(c.m.View(), "\n")
	typed, note := lines[len(lines)-2], lines[len(lines)-1]
	at := strings.Index(typed, "x")
	if caret := strings.Index(note, "^"); caret != at {
		t.Fatalf("the caret is at %d, the mistake at %d:\n%s\n%s", caret, at, typed, note)
	}
}

func TestFilterCompletion(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(100))
	c.press("/", "st", "tab", "est", "tab", "enter")
	c.shows("filter: state:established", "40/100")
	c.press("/", " s", "tab")
	c.shows("state: src: sport:")
}

func TestFilterByInterfaceAndFlags(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(100))
	for text, want := range map[string]string{
		"in:veth2": "50/100", "!reply": "40/100", "(in:veth1 or udp) not icmp": "50/100", "age<70s": "10/100",
	} {
		c.press("/", text, "enter")
		c.shows(want)
		c.press("esc")
	}
}

func TestFilterLikeThis(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(100))
	c.press("enter", "f")
	c.shows("filter: proto:tcp dst:192.168.1.10 dport:443", "60/100")
	c.press("esc")
	c.shows("100/100")
}

func TestNames(t *testing.T) {
	resolver := func(_ context.Context, a netip.Addr) (string, error) {
		if a == netip.MustParseAddr("192.168.1.10") {
			return "web.example.", nil
		}
		return "", fmt.Errorf("no name for %s", a)
	}
	c := newConsole(t, 120, 24, flowsUpTo(10), WithResolver(resolver))
	c.hides("web.example")
	c.press("n")
	c.shows("web.example:https", "10.0.0.0:40000", "web.example ")
	c.press("3", "b")
	c.cursorOn("web.example")
	c.press("n", "1")
	c.hides("web.example")
}

func TestEndedFlowsStayFindable(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(10))
	c.source.events = []flow.Event{destroy(fakeFlow(3), flow.ReasonRST, start)}
	c.publish(flowsUpTo(3), time.Second)
	c.publish(flowsUpTo(3), time.Minute)
	c.hides("10.0.0.3")
	c.press("/", "state:ended", "enter")
	c.shows("10.0.0.3:40003", "rst", "1 ended", "0/3")
	c.press("g", "enter")
	c.shows("ended: rst")
	c.press("esc", "esc", "/", "reason:closed", "enter")
	c.hides("10.0.0.3")
	c.press("esc", "/", "state:ended", "enter")
	c.publish(flowsUpTo(3), 6*time.Minute)
	c.hides("10.0.0.3")
}
