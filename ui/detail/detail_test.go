package detail_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/detail"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
	"ctop/ui/trace"
)

func open(of flow.Flow, log ...flow.Event) (*fake.Frame, *detail.Page) {
	f := fake.NewFrame(of)
	f.Events = log
	f.SetTabs(page.Tab{Title: "Flows", Page: page.Base{}})
	p := detail.New(f.Frame, acting.New(f.Frame, acting.Options{}), &trace.Traces{}, &of)
	f.Push(p)
	p.SetSize(120, 40)
	return f, p
}

func text(p *detail.Page) string {
	return strings.Join(strings.Fields(strings.Join(p.Lines(), " ")), " ")
}

func shows(t *testing.T, p *detail.Page, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if got := text(p); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, strings.Join(p.Lines(), "\n"))
		}
	}
}

func hides(t *testing.T, p *detail.Page, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if got := text(p); strings.Contains(got, want) {
			t.Errorf("%q in\n%s", want, strings.Join(p.Lines(), "\n"))
		}
	}
}

// event is something that happened to flow 1, d after the start.
func event(d time.Duration, from, to flow.State, dir flow.Direction) flow.Event {
	e := flow.Event{Time: fake.Start.Add(d), Type: flow.EventUpdate, ID: 1, Tuple: fake.Flow(0).Tuple, From: from, To: to, Direction: dir}
	if from == flow.StateNone {
		e.Type = flow.EventNew
	}
	return e
}

func TestFacts(t *testing.T) {
	of := fake.Flow(0)
	of.Age = 90 * time.Second
	of.Tuple.VLAN, of.Tuple.VLANInner, of.Tuple.VLANThird, of.Tuple.Session = 7, 8, 9, 300
	f, p := open(of)
	shows(t, p, "ESTABLISHED in veth1 age 1 minute 30 seconds vlan 7 inner vlan 8 third vlan 9 pppoe session 300 id "+of.ID.String())
	f.Now = f.Now.Add(30 * time.Second)
	shows(t, p, "age 2 minutes")
	_, p = open(fake.Flow(0))
	hides(t, p, "vlan", "pppoe")
	if p.Flow().ID != 1 || p.Watched() != 1 {
		t.Errorf("it is about %d", p.Watched())
	}
}

func TestDirections(t *testing.T) {
	of := fake.Flow(0)
	of.Reply.RTT, of.Origin.RTT = 12*time.Millisecond, 0
	of.Origin.Retransmits = 3
	f, p := open(of)
	shows(t, p, "origin → 1 80 B 6.4 Mb/s · 3 64.2 kB 0 B", "reply ← 1 1.4 kB 112 Mb/s 12.0 ms 0 501.8 kB 1.4 kB")
	hides(t, p, "answered", "trouble", "window origin")
	p.SetSize(103, 40) // no room for windows
	shows(t, p, "12.0 ms", "window origin takes 64.2 kB, 1.4 kB of them in flight; reply takes 501.8 kB")
	p.SetSize(75, 40) // nor for how well it fares
	shows(t, p, "answered by reply after 12.0 ms", "trouble origin sent 3 segments again")
	hides(t, p, "by origin after")
	midway := of
	midway.Reply.RTT, midway.Origin.RTT = 0, 5*time.Millisecond
	_, half := open(midway)
	half.SetSize(75, 40)
	shows(t, half, "answered by origin after 5.00 ms")
	hides(t, half, "by reply after")
	f.Run(f.NextUnit())
	shows(t, p, "14 MB/s")
	silent := fake.Flow(1)
	_, p = open(silent)
	shows(t, p, "reply ← · · · · · never seen")
}

func TestTrouble(t *testing.T) {
	of := fake.Flow(0)
	of.Origin.Reordered, of.Reply.ZeroWindows, of.Invalid, of.Related = 1, 2, 65535, 1
	of.ClosedBy = flow.CloserOrigin
	_, p := open(of)
	shows(t, p, "closed by origin first",
		"trouble 1 segment from origin out of order, reply closed its window 2 times, 65,535+ invalid packets, 1 ICMP error")
}

func TestTimeline(t *testing.T) {
	_, p := open(fake.Flow(0),
		event(0, flow.StateNone, flow.StateSynSent, flow.Origin),
		event(12100*time.Microsecond, flow.StateSynSent, flow.StateSynRecv, flow.Reply),
		event(12400*time.Microsecond, flow.StateSynRecv, flow.StateEstablished, flow.Origin),
		event(time.Second, flow.StateEstablished, flow.StateFinWait1, flow.Reply),
	)
	shows(t, p, "21:04:05.000 SYN_SENT origin opened 21:04:05.012 SYN_RECV reply answered + 12.1 ms",
		"21:04:05.012 ESTABLISHED handshake complete + 0.30 ms", "FIN_WAIT_1 reply closed + 987.6 ms")
	_, p = open(fake.Flow(0))
	shows(t, p, "nothing has happened since this console was opened")
	picked := event(0, flow.StateNone, flow.StateEstablished, flow.Origin)
	recovered := event(0, flow.StateSynSent, flow.StateEstablished, flow.Origin)
	recovered.Recovered = true
	_, p = open(fake.Flow(0), picked, recovered)
	shows(t, p, "picked up midstream", "recovered: told by the table + 0.00 ms")
}

func TestEnded(t *testing.T) {
	end := event(time.Minute, flow.StateEstablished, flow.StateNone, flow.Origin)
	end.Type, end.Reason, end.Age = flow.EventDestroy, flow.ReasonRST, 90*time.Second
	f, p := open(fake.Flow(0))
	f.Events = []flow.Event{end}
	f.Send(page.EventsTaken{})
	f.Now = f.Now.Add(time.Hour)
	shows(t, p, "ended: rst", "age 1 minute 30 seconds", "One of the endpoints has reset it. It lived 1 minute 30 seconds.", "ended rst")
	hides(t, p, "window")
	if f.Press("d"); f.Dialog() != nil || f.Said() != "this flow has ended already" {
		t.Errorf("said %q", f.Said())
	}
	end.Recovered = true
	_, p = open(fake.Flow(0), end)
	hides(t, p, "ended: rst")
	// A flow that was opened again lives.
	_, p = open(fake.Flow(0), end, event(time.Hour, flow.StateNone, flow.StateSynSent, flow.Origin))
	shows(t, p, "ESTABLISHED")
}

func TestWhy(t *testing.T) {
	of := fake.Flow(0)
	of.Idle = 2500 * time.Millisecond
	f, p := open(of)
	shows(t, p, "The flow is open. It expires 5 days after its last packet (tcp_established); any valid packet of either direction puts that off. Last one 2.5 s ago.")
	f.Now = f.Now.Add(time.Minute)
	shows(t, p, "Last one 1 minute 2 seconds ago.")
	of.OwnTimeout, of.Timeout = true, time.Hour
	_, p = open(of)
	shows(t, p, "It expires 1 hour after its last packet (its own timeout, in place of tcp_established)")
	of.Timeout = 0
	_, p = open(of)
	shows(t, p, "It is not in the last snapshot")
	_, p = open(fake.Flow(1))
	shows(t, p, "Origin has asked to open, reply has not answered.", "the SYN, sent again, puts that off a few times.")
	_, p = open(fake.Flow(2))
	shows(t, p, "Only origin has sent.", "any packet of either direction puts that off.")
	_, p = open(fake.Flow(4))
	shows(t, p, "Both directions have been seen.")
	half := fake.Flow(0)
	half.OneSided = true
	_, p = open(half)
	shows(t, p, "Only origin has been seen where it should be")
}

func TestNewSnapshots(t *testing.T) {
	f, p := open(fake.Flow(0))
	next := fake.Flow(0)
	next.State = flow.StateTimeWait
	f.Now = f.Now.Add(10 * time.Second)
	f.Shown = fake.Snapshot(f.Now, []flow.Flow{next})
	f.Send(page.ShownChanged{Watched: &next})
	shows(t, p, "TIME_WAIT", "LAST 10s")
	f.Shown = fake.Snapshot(f.Now, nil)
	f.Send(page.ShownChanged{}) // it has left the table: the last is what is known
	shows(t, p, "TIME_WAIT")
}

func TestScrolling(t *testing.T) {
	f, p := open(fake.Flow(0))
	all := len(p.Lines())
	p.SetSize(120, 5)
	below := func(want ...string) {
		t.Helper()
		if got := p.Facts(); !slices.Equal(got, want) {
			t.Errorf("below the screen: %q, want %q", got, want)
		}
	}
	below(fmt.Sprintf("↓ %d more lines", all-5))
	f.Press("down")
	below(fmt.Sprintf("↓ %d more lines", all-6))
	if got := len(p.Lines()); got != all-1 {
		t.Errorf("%d lines", got)
	}
	if f.Press("pgdown"); len(p.Lines()) != all-5 { // a line of before stays
		t.Errorf("%d lines of %d", len(p.Lines()), all)
	}
	f.Press("up", "pgup", "up")
	if got := len(p.Lines()); got != all {
		t.Errorf("%d lines", got)
	}
	if f.Press("G"); len(p.Lines()) != 5 {
		t.Errorf("%d lines", len(p.Lines()))
	}
	below()
	f.Press("up")
	below("↓ 1 more line")
	if f.Press("g"); len(p.Lines()) != all {
		t.Errorf("%d lines", len(p.Lines()))
	}
}

func TestKeys(t *testing.T) {
	for _, k := range []string{"esc", "enter"} {
		f, _ := open(fake.Flow(0))
		if f.Press(k); len(f.Over()) != 0 {
			t.Errorf("%s does not close it", k)
		}
	}
	asks, _ := open(fake.Flow(0))
	if asks.Press("d"); asks.Dialog() == nil {
		t.Error("d does not ask")
	}
	asks, _ = open(fake.Flow(0))
	if asks.Press("x"); asks.Dialog() == nil {
		t.Error("x does not ask")
	}
	_, p := open(fake.Flow(0))
	if a, ok := p.Attempt(fake.Keys("+")[0]); !ok || a.Flows[0].ID != 1 {
		t.Errorf("%+v", a)
	}
	f, _ := open(fake.Flow(0))
	if f.Press("z") {
		t.Error("z means something")
	}
	if f.Press("f"); f.FilterText() == "" || len(f.Over()) != 0 {
		t.Errorf("the filter is %q", f.FilterText())
	}
}

func TestHints(t *testing.T) {
	_, p := open(fake.Flow(0))
	acting := 0
	for _, h := range p.Hints() {
		if h.Acts {
			acting++
		}
	}
	if acting != 7 {
		t.Errorf("%d hints act", acting)
	}
}

// TestScreens compares the whole page of a flow that fares badly.
func TestScreens(t *testing.T) {
	for _, size := range [][2]int{{40, 10}, {46, 24}, {76, 24}, {104, 40}, {200, 50}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			of := fake.Flow(3)
			of.Tuple.VLAN, of.ClosedBy = 7, flow.CloserReply
			of.Origin.RTT, of.Reply.RTT, of.Reply.Retransmits = 300*time.Microsecond, 12*time.Millisecond, 70
			of.Origin.ZeroWindows, of.Reply.Reordered, of.Invalid, of.Related = 1, 4, 3, 2
			log := []flow.Event{
				event(-time.Minute, flow.StateNone, flow.StateSynSent, flow.Origin),
				event(-59*time.Second, flow.StateSynSent, flow.StateSynRecv, flow.Reply),
				event(-58*time.Second, flow.StateSynRecv, flow.StateEstablished, flow.Origin),
				event(-9*time.Second, flow.StateEstablished, flow.StateFinWait1, flow.Reply),
				event(-8*time.Second, flow.StateFinWait1, flow.StateFinWait2, flow.Origin),
			}
			for i := range log {
				log[i].ID, log[i].Tuple = of.ID, of.Tuple
			}
			f, p := open(of, log...)
			for i := range 40 {
				next := of
				next.Reply.BPS *= float64(i%9) / 4
				f.Now = f.Now.Add(time.Second)
				f.Shown = fake.Snapshot(f.Now, []flow.Flow{next})
				f.Send(page.ShownChanged{Watched: &next})
			}
			p.SetSize(size[0], size[1])
			golden.RequireEqual(t, []byte(strings.Join(p.Lines(), "\n")))
		})
	}
}

// TestProcess has what is said of the process behind a flow, and what is not.
func TestProcess(t *testing.T) {
	of := fake.Flow(0)
	_, p := open(of)
	hides(t, p, "process")
	of.Holding = flow.Holding{End: flow.Reply, Process: &flow.Process{
		PID: 812, Name: "ng\x1binx", User: "www-data", Unit: "nginx.service", Container: "0a1b2c3d4e5f", Pod: "1b4e28ba",
		Command: "nginx: worker \x1bprocess", Started: fake.Start, Gone: true,
	}}
	_, p = open(of)
	shows(t, p, "process ng·inx[812] is the reply, user www-data, unit nginx.service, container 0a1b2c3d4e5f, pod 1b4e28ba, began ",
		"it has ended", "command nginx: worker ·process")
	of.Holding.Listens = true
	_, p = open(of)
	shows(t, p, "ng·inx[812] listens there; who has the connection is not known yet")
	hides(t, p, "nginx.service", "is the reply", "command")
}

// What the small charts cover is said if there is a column for them, however many
// numbers the page has room for.
func TestChartsOfNarrowPages(t *testing.T) {
	_, p := open(fake.Flow(0))
	for width := 30; width < 130; width++ {
		p.SetSize(width, 40)
		for _, line := range p.Lines() {
			titles, over, ok := strings.Cut(strings.TrimRight(line, " "), "RATE")
			if !ok || !strings.Contains(titles, "PACKETS") {
				continue
			}
			numbers := strings.TrimRight(strings.TrimSuffix(over, "NOW"), " ")
			room := width - len(titles) - len("RATE") - len(numbers) - 3
			if says := strings.HasSuffix(over, "  NOW"); says != (room > 0) {
				t.Errorf("%d wide, room for %d: %q", width, room, line)
			}
		}
	}
}
