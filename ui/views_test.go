package ui

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/tracker/flow"
	"ctop/ui/events"
	"ctop/ui/talkers"
)

func TestTalkersGroup(t *testing.T) {
	c := newConsole(t, 120, 30, flowsUpTo(300))
	c.press("3")
	c.shows("[3 Talkers]", "SOURCE", "300 groups", "⇄ b/s ▼")
	c.cursorOn("10.0.0.0 ")
	for _, want := range []string{"DESTINATION", "HOST", "PAIR", "SOURCE NET", "DESTINATION NET", "DESTINATION PORT", "STATE", "PROTOCOL", "INTERFACE"} {
		c.press("b")
		c.shows(want + " ")
	}
	c.shows("veth1", "veth2", "2 groups")
	c.press("B", "B")
	c.shows("STATE", "ESTABLISHED", "SYN_SENT", "4 groups")
	c.press("s", "s")
	c.shows("FLOWS ▼")
	c.cursorOn("ESTABLISHED")
	c.press("S")
	c.shows("FLOWS ▲")
	titles := strings.Split(c.m.View(), "\n")[2]
	c.click(strings.Index(titles, "BYTES")+1, 2)
	c.shows("BYTES ▼")
}

func TestTalkersDrillDownAndBack(t *testing.T) {
	c := newConsole(t, 120, 30, flowsUpTo(300))
	c.press("/", "tcp or udp", "enter", "3", "b", "b", "b", "b", "down", "enter")
	c.shows("[1 Flows]", "filter: (tcp or udp) src:10.0.1.0/24", "35/300", "back to talkers")
	c.press("esc")
	c.shows("[3 Talkers]", "filter: tcp or udp")
	c.cursorOn("10.0.1.0/24")
	c.press("enter", "1", "esc")
	c.shows("[1 Flows]", "300/300")
}

func TestEveryGroupingDrillsToItsFlows(t *testing.T) {
	c := newConsole(t, 120, 30, append(ipv6Flows(), flowsUpTo(300)[20:]...))
	c.press("3")
	for range 8 {
		c.press("g", "down")
		g, ok := c.m.frame.Tabs()[2].Page.(*talkers.Page).Selected()
		if !ok {
			c.press("up")
			g, _ = c.m.frame.Tabs()[2].Page.(*talkers.Page).Selected()
		}
		c.press("enter")
		if got := len(c.m.flows.Rows()); got != g.Flows {
			t.Errorf("by %s: %d flows of %d", c.m.Settings().Group, got, g.Flows)
		}
		c.press("esc", "b")
	}
}

func TestOverview(t *testing.T) {
	c := newConsole(t, 120, 40, flowsUpTo(1))
	c.busy(100)
	c.press("4")
	c.shows("ESTABLISHED", "the last 20 seconds", "half open", "full in", "flows/s", "seen one way", "expired", "no_flow", "took 12.0 ms")
	c.hides("place in use")
	c.press("G", "g", "esc")
	c.shows("[1 Flows]")
}

func TestOverviewSaysWhatToDo(t *testing.T) {
	c := newConsole(t, 120, 40, flowsUpTo(100))
	s := snapshotOf(start, flowsUpTo(100))
	for i := range s.Flows {
		s.Flows[i].Tuple.Proto, s.Flows[i].State, s.Flows[i].Reply = flow.ProtocolTCP, flow.StateSynSent, flow.Half{}
	}
	s.Interfaces[1].Up, s.MaxFlows, s.Counters.EventsLost = false, 101, 5
	s.Counters.TableFull, s.Counters.TableBusy = 7, 8
	c.source.snapshot = s
	c.pass(time.Second)
	c.press("4")
	c.shows("veth2 is down", "ip link set veth2 up", "--max-flows", "lost 5 events", "half open", "filter state:syn", "one way only", "filter !answered")
	c.press("G")
	c.shows("no room for     7", "place in use    8")
}

// What became of flows that found no room depends on the policy.
func TestOverviewSaysWhatBecameOfUntracked(t *testing.T) {
	for policy, want := range map[flow.Policy]string{
		flow.PolicyObserve: "They were forwarded and not tracked.",
		flow.PolicyEnforce: "the answers of TCP were dropped",
	} {
		c := newConsole(t, 200, 40, flowsUpTo(1))
		c.source.snapshot.Policy, c.source.snapshot.Counters.TableFull = policy, 3
		c.press("4")
		c.shows(want)
	}
}

// While the table cannot be read the last snapshot stays, with what is wrong.
func TestTroubleReading(t *testing.T) {
	c := newConsole(t, 120, 40, flowsUpTo(3))
	again := *c.source.snapshot
	again.Warnings = flow.Warnings{{Kind: flow.WarningRetried, Detail: "read the table: cannot allocate memory"}}
	c.source.snapshot = &again
	c.pass(8 * time.Second)
	c.shows("read the table: cannot allocate memory", "scan 8s old", "10.0.0.1")
	c.press("4")
	c.shows("Nothing needs to be done if this goes away by itself")
}

// An event that was lost and is told by the table afterwards says so, and does
// not claim to know what nobody saw.
func TestRecoveredEvents(t *testing.T) {
	c := newConsole(t, 120, 30, flowsUpTo(3))
	f := fakeFlow(0)
	c.source.events = []flow.Event{
		{Time: start, Type: flow.EventLost, Lost: 2},
		{Time: start, Type: flow.EventUpdate, ID: f.ID, Tuple: f.Tuple, From: flow.StateSynSent, To: flow.StateEstablished, Recovered: true},
		{Time: start, Type: flow.EventDestroy, ID: 77, Tuple: fakeFlow(9).Tuple, From: flow.StateEstablished, Recovered: true},
	}
	c.pass(time.Second)
	c.press("2")
	c.shows("21:04:05.000~ update   SYN_SENT     ESTABLISHED          tcp", "21:04:05.000~ destroy  ESTABLISHED  ended", "recovered")
	c.hides("origin")
	c.press("g", "down", "enter")
	c.shows("recovered: told by the table")
}

// Under a flood the overview says who floods, by address or by network, or that
// nobody stands out.
func TestOverviewSaysWhoOpensFlows(t *testing.T) {
	for name, c := range map[string]struct {
		source func(i int) string
		line   string
		todo   string
	}{
		"one source":  {func(i int) string { return fmt.Sprintf("10.0.%d.%d", i%10/9*i%256, 7) }, "by                  10.0.0.7 9", "10.0.0.7 opens 9"},
		"one network": {func(i int) string { return fmt.Sprintf("10.0.7.%d", i%256) }, "by                  10.0.7.0/24 1 k/s", "10.0.7.0/24 opens 100 %"},
		"nobody":      {func(i int) string { return fmt.Sprintf("10.%d.%d.1", i/256, i%256) }, "by                  no single source: 1,000 of them", "No single source"},
	} {
		t.Run(name, func(t *testing.T) {
			c, flood := newConsole(t, 120, 40, flowsUpTo(1)), c
			s := snapshotOf(start.Add(time.Second), nil)
			for i := range 1000 {
				f := fakeFlow(1)
				f.ID, f.Tuple.Src = flow.ID(i+1), flow.EndFrom(netip.MustParseAddr(flood.source(i)), 1)
				s.Flows = append(s.Flows, f)
				c.source.events = append(c.source.events, flow.Event{Time: start, Type: flow.EventNew, ID: f.ID, Tuple: f.Tuple, To: f.State})
			}
			s.Counters.FlowsCreated = 1000
			c.press("4")
			c.source.snapshot = s
			c.pass(time.Second)
			c.shows(flood.line, flood.todo)
			again := *s
			again.Time = start.Add(time.Minute)
			c.source.snapshot = &again
			c.pass(time.Minute)
			c.hides(flood.line, flood.todo)
		})
	}
}

func TestDeletedFlowsThatComeBack(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(10))
	c.press("space", "space", "d", "y")
	c.shows("deleted 1 flow, 1 already gone")
	flows := flowsUpTo(10)
	flows[0].ID = 4711
	flows[3].Tuple, flows[3].ID = flows[3].Tuple.Reverse(), 4712
	c.publish(flows, time.Second)
	c.shows("deleted 1 flow, 1 already gone, 2 came back since")
	c.press("2")
	c.shows("deleted 1 flow, 1 already gone", "2 came back since")
}

func TestActsAreInTheEvents(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(10))
	c.press("+", "P", "t", "enter", "5m", "enter", "2")
	c.shows("timeout of tcp 10.0.0.0:40000 → 192.168.1.10:443: 10d", "tcp_syn_sent is now 5m")
}

func TestPin(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(10))
	c.press("P")
	c.shows("stays 5d in every state")
	c.press("P")
	c.shows("stays 5d in every state; 0 gives it the default again")
	c.press("0")
	if want := []string{"1=120h0m0s", "1=0s"}; !slices.Equal(c.source.timeouts, want) {
		t.Fatalf("set %v, not %v", c.source.timeouts, want)
	}
	// Pressed faster than snapshots come: the last one still shows a timeout
	// of its own that was taken back.
	flows := flowsUpTo(10)
	flows[0].OwnTimeout = true
	c.publish(flows, time.Second)
	c.press("0", "P")
	c.shows("stays 5d in every state")
}

func TestDetailShowsHandshakeAndWindows(t *testing.T) {
	f := fakeFlow(0)
	f.Reply.RTT, f.Origin.RTT = 12400*time.Microsecond, 300*time.Microsecond
	f.Reply.Retransmits, f.Origin.ZeroWindows, f.Invalid, f.Related = 3, 1, 65535, 1
	f.Origin.Reordered = 2
	c := newConsole(t, 120, 40, []flow.Flow{f})
	c.press("enter")
	c.shows("RTT  RETRANS", "12.4 ms        3", "0.30 ms        0",
		"2 segments from origin out of order, origin closed its window 1 time, 65,535+ invalid packets, 1 ICMP", "error")
	// A narrow screen has no room for that in the table.
	c.send(tea.WindowSizeMsg{Width: 70, Height: 40})
	c.shows("answered by reply after 12.4 ms, by origin after 0.30 ms", "reply sent 3 segments")
}

func TestChartsStandStillWhilePaused(t *testing.T) {
	c := newConsole(t, 120, 40, flowsUpTo(100))
	c.busy(100)
	c.press("4", "p")
	body := func() string { return strings.SplitN(c.m.View(), "\n", 2)[1] }
	before := body()
	c.publish(flowsUpTo(5000), time.Second)
	c.publish(flowsUpTo(6000), time.Second)
	if after := body(); after != before {
		t.Fatalf("the charts changed:\n%s\n%s", before, after)
	}
	c.press("p")
	c.shows("6,000")
}

func TestHelpBeginsWithTheOpenView(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(10))
	c.press("3", "?")
	if line := strings.Split(c.m.View(), "\n")[2]; !strings.HasPrefix(line, " In the talkers") {
		t.Fatalf("help begins with %q", line)
	}
}

// TestLongPages goes to the ends of pages that have no cursor.
func TestLongPages(t *testing.T) {
	for _, page := range []struct{ open, first, last string }{
		{"?", "a page up", "vlan:7"},
		{"enter", "10.0.0.0:40000", "handshake complete"},
	} {
		c := newConsole(t, 60, 12, flowsUpTo(1))
		c.source.events = someEvents()
		c.pass(time.Second)
		c.press(page.open)
		c.shows(page.first)
		c.hides(page.last)
		c.press("G")
		c.hides(page.first)
		c.shows(page.last)
		c.press("g")
		c.shows(page.first)
		for range 40 {
			c.press("pgdown")
		}
		c.shows(page.last)
		c.press("g")
		for range 80 {
			c.send(tea.MouseMsg{Button: tea.MouseButtonWheelDown})
		}
		c.shows(page.last)
	}
}

func TestLooks(t *testing.T) {
	renderer := lipgloss.NewRenderer(io.Discard, termenv.WithProfile(termenv.ANSI))
	for look, want := range map[Look]string{LookDark: "\x1b[33m", LookLight: "\x1b[35m"} {
		c := newConsole(t, 80, 24, flowsUpTo(10), WithRenderer(renderer), WithLook(look))
		c.shows(want)
		if got := c.m.Settings().Theme; got != look.String() {
			t.Errorf("the theme is %q, not %s", got, look)
		}
	}
}

func TestCopyCycles(t *testing.T) {
	c := newConsole(t, 180, 24, append(ipv6Flows()[:1], flowsUpTo(10)[1:]...))
	c.press("y", "y", "y")
	c.shows("conntrack -D -f ipv6 -p tcp -s 2001:db8:85a3::8a2e:370:7334 -d 2001:db8:1234:5678:9abc:def0:1234:5678 --sport 51514")
	c.press("down", "down", "y")
	c.shows("copied icmp 10.0.0.4 echo #4 → 192.168.1.10")
	c.press("y")
	c.shows("ctop delete proto:icmp src:10.0.0.4 dst:192.168.1.10 icmp:8 '#4'   y again: a conntrack command")
	c.press("y")
	c.shows("conntrack -D -p icmp -s 10.0.0.4 -d 192.168.1.10 --icmp-type 8 --icmp-code 0 --icmp-id 4")
	c.press("y")
	c.shows("copied icmp and host 10.0.0.4 and host 192.168.1.10")
	c.press("y")
	c.shows("copied ctop --sort rate:desc")
	c.press("y")
	c.shows("copied icmp 10.0.0.4 echo #4")
	c.press("S", "S", "y")
	c.shows("copied icmp 10.0.0.4 echo #4")
}

func TestColumns(t *testing.T) {
	c := newConsole(t, 200, 50, flowsUpTo(10))
	c.hides("REORD")
	c.press("c")
	for range 16 {
		c.press("down")
	}
	c.press("space", "enter")
	c.shows("REORD")
	if got := c.m.Settings().Columns; !slices.Contains(got, "reordered") || !slices.Contains(got, "state") {
		t.Fatalf("chosen columns are %v", got)
	}
	c.press("c", "space", "esc")
	c.shows("STATE", "REORD")
	c.press("c", "0", "enter")
	c.hides("REORD")
	if got := c.m.Settings().Columns; got != nil {
		t.Fatalf("the standard columns are %v", got)
	}
}

func TestPauseSaysWhatChanged(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(10))
	c.press("p")
	flows := flowsUpTo(14)[2:]
	flows[0].State = flow.StateTimeWait
	c.publish(flows, 5*time.Second)
	c.press("p")
	c.shows("after 5s: 4 flows came, 2 went, 1 changed state")
}

func TestSettings(t *testing.T) {
	c := newConsole(t, 200, 50, flowsUpTo(10))
	c.press("s", "g", "S", "r", "3", "b", "n", "1", "c", "space", "enter")
	want := c.m.Settings()
	if want.Sort != "age:asc" || want.Rates != "bytes" || want.Group != "destination" || !want.Names || slices.Contains(want.Columns, "state") {
		t.Fatalf("settings are %+v", want)
	}
	want.Interval = 0
	again := newConsole(t, 200, 50, flowsUpTo(10), WithSettings(want))
	want.Interval = time.Nanosecond // every test console's
	if got := again.m.Settings(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("settings came back as %+v, not %+v", got, want)
	}
	again.shows("AGE ▲")
	again.hides("STATE")
	garbage := newConsole(t, 80, 24, flowsUpTo(1), WithSettings(Settings{Columns: []string{"x"}, Sort: "x", Rates: "x", Group: "x", Theme: "x", Interval: 1}))
	checkFit(t, garbage.m)
}

// TestAFloodOfEventsIsSampled is what 100,000 events a second come to: the log
// takes what it can and says what it left out.
func TestAFloodOfEventsIsSampled(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(10))
	c.source.events = someEvents()
	c.pass(time.Second)
	c.press("2")
	flood := make([]flow.Event, 50000)
	for i := range flood {
		flood[i] = destroy(fakeFlow(i%100), flow.ReasonRST, c.now)
	}
	c.source.events = append(c.source.events, flood...)
	began := time.Now()
	c.pass(time.Second)
	t.Logf("a poll with %d events took %s", len(flood), time.Since(began))
	if shown, _ := c.m.frame.Tabs()[1].Page.(*events.Page).Counts(); shown != 2000+len(someEvents())+1 {
		t.Fatalf("%d events are shown", shown)
	}
	if c.m.frame.Missed != 48000 || c.m.frame.Ended.Len() > 2500 {
		t.Fatalf("missed %d, remembers %d", c.m.frame.Missed, c.m.frame.Ended.Len())
	}
	c.press("g")
	c.shows("too fast to show all: 48,000 events left out here")
	c.press("4", "G")
	c.shows("not shown here")
}

// The page of a flow begins with what the flow did while it was on the screen.
func TestDetailBeginsWithThePast(t *testing.T) {
	c := newConsole(t, 120, 40, flowsUpTo(3))
	for range 30 {
		c.publish(flowsUpTo(3), time.Second)
	}
	c.press("enter")
	c.shows("LAST 30s", strings.Repeat("█", 31))
}
