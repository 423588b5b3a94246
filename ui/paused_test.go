package ui

import (
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// begin lets flows begin, and a second pass.
func (c *console) begin(numbers ...int) {
	for _, i := range numbers {
		f := fakeFlow(i)
		c.source.events = append(c.source.events, flow.Event{
			Type: flow.EventNew, Time: c.now, ID: f.ID, Tuple: f.Tuple, To: f.State,
		})
	}
	c.pass(time.Second)
}

// A paused log has nothing that came later, whatever is typed: a filter, the way
// to its end, the detail of a flow.
func TestPausedEventsStay(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(40))
	c.begin(0, 1, 2, 3)
	c.press("2", "p")
	c.shows("4/4")
	before := c.m.View()
	c.begin(5, 6, 7, 10)
	if after := c.m.View(); after != before {
		t.Fatalf("the log changed while paused:\n%s\n%s", before, after)
	}
	c.press("/", "tcp", "enter")
	c.shows("3/4")
	c.hides("10.0.0.5", "10.0.0.10")
	c.press("G")
	c.cursorOn("10.0.0.3")
	c.press("esc")
	c.shows("4/4")
	c.cursorOn("10.0.0.3")
	c.press("p")
	c.shows("8/8")
	c.cursorOn("10.0.0.10")
}

// The detail of a flow, the overview and the flows that have ended are as they were,
// too.
func TestPausedPagesShowOneMoment(t *testing.T) {
	c := newConsole(t, 120, 40, flowsUpTo(5))
	c.begin(0)
	c.press("p", "enter")
	before := c.m.View()
	c.begin(0, 0)
	if after := c.m.View(); after != before {
		t.Errorf("the detail changed while paused:\n%s\n%s", before, after)
	}
	gone := fakeFlow(3)
	c.source.events = append(c.source.events, flow.Event{
		Type: flow.EventDestroy, Time: c.now, ID: gone.ID, Tuple: gone.Tuple, From: gone.State, Reason: flow.ReasonExpired,
	})
	c.publish(flowsUpTo(3), time.Second)
	c.press("esc", "/", "state:ended", "enter")
	c.hides("10.0.0.3")
	c.press("p")
	c.shows("10.0.0.3")
}

// A filter leaves the cursor on its event, and leads back to it.
func TestFilterKeepsTheEvent(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(60))
	for i := range 50 {
		c.begin(i)
	}
	c.press("2", "g", "j", "j", "j", "j", "j")
	c.cursorOn("10.0.0.5")
	c.press("/", "tcp", "enter")
	c.cursorOn("10.0.0.5")
	c.press("esc")
	c.cursorOn("10.0.0.5")
	c.press("/", "icmp", "enter")
	c.cursorOn("10.0.0.9")
	c.press("esc")
	c.cursorOn("10.0.0.5")
}

// publishTimeout publishes a snapshot with another timeout than the default.
func (c *console) publishTimeout(name flow.TimeoutName, d time.Duration) {
	c.source.snapshot = snapshotOf(c.now.Add(time.Second), flowsUpTo(5))
	c.source.snapshot.Timeouts[name] = d
	c.pass(time.Second)
}

// The timeouts are settings: a paused page shows those that are set, and what a new
// one would end is counted among the flows of now.
func TestTimeoutsWhilePaused(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(5))
	c.press("p", "5")
	c.shows("tcp_syn_sent               2m")
	c.press("enter", "1h", "enter")
	c.shows("tcp_syn_sent is now 1h")
	c.publishTimeout(flow.TCPSynSent, time.Hour)
	c.shows("tcp_syn_sent               1h")
	c.press("enter")
	c.shows("now 1h; type a duration")
	c.press("esc")

	c.press("1", "5")
	c.shows("tcp_syn_sent               1h")
	c.pass(5 * time.Minute)
	c.press("enter", "2m", "enter")
	c.shows("tcp_syn_sent: 1h → 2m?", "1 flow silent for longer would end now")
}

// What is done to a flow while the screen is paused is done to it as it is now, and
// the console says that the screen does not show it.
func TestActingWhilePaused(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(2)[1:])
	c.press("p", "+")
	c.shows("its timeout is now 4m, was 2m; paused: p shows it")
	flows := flowsUpTo(2)[1:]
	flows[0].Timeout, flows[0].OwnTimeout = 4*time.Minute, true
	c.publish(flows, time.Second)
	c.press("+")
	c.shows("its timeout is now 8m, was 4m; paused: p shows it")
	// Silent for six minutes since, of which a paused screen shows nothing.
	c.pass(6 * time.Minute)
	c.press("-")
	c.shows("it would expire now")
	c.press("n", "d")
	c.shows("delete 1 flow?")
	c.press("y")
	c.shows("; paused: p shows it")
	c.publish([]flow.Flow{fakeFlow(3)}, time.Second)
	for _, key := range []string{"d", "+", "-", "P", "0"} {
		c.press(key)
		c.shows("this flow has ended already")
	}
	if n := strings.Count(strings.Join(c.source.timeouts, " "), "="); n != 2 {
		t.Errorf("set %v", c.source.timeouts)
	}
}
