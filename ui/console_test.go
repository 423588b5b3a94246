package ui

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/names"
	"ctop/internal/names/geo"
	"ctop/internal/names/geo/geotest"
	"ctop/tracker/flow"
	"ctop/ui/flows"
)

func TestCursorFollowsTheFlow(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(10))
	c.press("down", "j")
	chosen := c.cursor()
	c.cursorOn("10.0.0.4")

	// The flow becomes the fastest of all.
	flows := flowsUpTo(10)
	flows[4].Reply.BPS = 1e12
	c.publish(flows, time.Second)
	c.cursorOn("10.0.0.4")
	if c.cursor() == chosen {
		t.Fatal("the row was not drawn anew")
	}
	c.press("down")
	c.cursorOn("10.0.0.0")
}

func TestCursorStaysOnTopUntilMoved(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(10))
	c.cursorOn("10.0.0.0")
	flows := flowsUpTo(10)
	flows[4].Reply.BPS = 1e12
	c.publish(flows, time.Second)
	c.cursorOn("10.0.0.4")
}

func TestCursorKeepsItsLine(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(1000))
	c.press("down", "down", "down")
	line := slices.Index(strings.Split(c.m.View(), "\n"), c.cursor())
	flows := flowsUpTo(1000)
	flows[5].Reply.BPS = 200000 // from the first page to somewhere in the middle
	c.publish(flows, time.Second)
	c.cursorOn("10.0.0.5:")
	if now := slices.Index(strings.Split(c.m.View(), "\n"), c.cursor()); now != line {
		t.Fatalf("the cursor's line moved from %d to %d", line, now)
	}
}

func TestMovement(t *testing.T) {
	for keys, want := range map[string]string{
		"j": "10.0.0.3", "down": "10.0.0.3", "G": "10.0.3.229", "end": "10.0.3.229",
		"G g": "10.0.0.0", "end home": "10.0.0.0", "j k": "10.0.0.0", "j up": "10.0.0.0",
		"pgdown": "10.0.0.33", "pgdown pgup": "10.0.0.0",
	} {
		c := newConsole(t, 120, 24, flowsUpTo(1000))
		c.press(strings.Fields(keys)...)
		if !strings.Contains(c.cursor(), want) {
			t.Errorf("%s: the cursor is on %q, not on %s", keys, c.cursor(), want)
		}
	}
}

func TestFilterIsLive(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(100))
	c.press("/", "proto:icmp")
	c.shows("20/100", "filter: proto:icmp")
	c.hides("tcp ")
	c.press(" state:x")
	c.shows("no state begins with", "20/100")
	c.press("backspace", "est", "enter")
	c.shows("20/100")
	c.press("esc")
	c.shows("100/100")
}

func TestFilterEscapeGoesBack(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(100))
	c.press("/", "udp", "enter", "/", " nonsense", "esc")
	c.shows("filter: udp", "20/100")
}

func TestSorting(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(100))
	c.shows("→ b/s ▼ ← b/s ▼")
	c.press("S")
	c.shows("→ b/s ▲ ← b/s ▲")
	c.press("s", "right")
	c.shows("TOTAL B▼")
	c.press("left") // both ways, as at first
	c.shows("→ b/s ▼ ← b/s ▼")
	c.press("left")
	c.shows("→ b/s ← b/s ▼")
	c.press("left")
	c.shows("→ b/s ▼   ← b/s")
	c.press("esc")
	c.shows("← b/s ▲")
	c.press("s", "s", "enter", "g")
	c.shows("TOTAL B▼")
	c.cursorOn("10.0.0.99")
	c.press("s", "o")
	c.shows("ORIGIN ▲")
	c.cursorOn("10.0.0.0")
}

func TestEveryKeySortsBothWays(t *testing.T) {
	table, err := names.ParseTable("f", []byte("10.0.0.0/27 first\n10.0.0.32/27 second\n192.168.1.0/24 third"))
	if err != nil {
		t.Fatal(err)
	}
	names.Use(table)
	atlas := &geo.Atlas{}
	if err := errors.Join(
		atlas.Add("f", geotest.Countries(map[string]string{"10.0.0.0/27": "DE", "10.0.0.32/27": "FR", "192.168.0.0/16": "IT"})),
		atlas.Add("g", geotest.Systems(map[string]geotest.System{"10.0.0.0/27": {Number: 1}, "10.0.0.32/27": {Number: 2}, "192.168.0.0/16": {Number: 3}})),
	); err != nil {
		t.Fatal(err)
	}
	geo.Use(atlas)
	t.Cleanup(func() { names.Use(nil); geo.Use(nil) })
	watched := flowsUpTo(50)
	for i := range watched {
		watched[i].Tuple.Zone, watched[i].Outgoing = 1, i%2 == 1
		watched[i].SetLocal(flow.EndOrigin << (i % 2))
	}
	for name, letter := range flows.SortLetters() {
		c := newConsole(t, 200, 50, watched)
		c.press("s", letter)
		if name == "rate" { // it was sorted by that already
			c.press("S")
		}
		up := rowsOf(c)
		c.press("S")
		down := rowsOf(c)
		if slices.Equal(up, down) {
			t.Errorf("%s: the order does not turn round", name)
		}
	}
}

func rowsOf(c *console) []flow.ID {
	var ids []flow.ID
	for _, f := range c.m.flows.Rows() {
		ids = append(ids, f.ID)
	}
	return ids
}

func TestTTLTicksBetweenSnapshots(t *testing.T) {
	flows := flowsUpTo(2)[1:]
	c := newConsole(t, 120, 24, flows)
	c.shows("1:59")
	c.pass(time.Second)
	c.shows("1:58")
	c.pass(110 * time.Second)
	c.shows("0:08", "scan 1m51s old")
}

func TestPauseFreezesWhatIsShown(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(5))
	c.press("p")
	c.shows("paused")
	before := c.m.View()
	c.publish(flowsUpTo(50), time.Second)
	c.publish(flowsUpTo(60), time.Second)
	if after := c.m.View(); after != before {
		t.Fatalf("the screen changed while paused:\n%s\n%s", before, after)
	}
	c.press("S")
	c.shows("← b/s ▲", "5/5")
	c.press("p")
	c.hides("paused")
	c.shows("60/60")
}

func TestEndedFlowsLinger(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(5))
	gone := fakeFlow(3)
	c.source.events = []flow.Event{destroy(gone, flow.ReasonClosed, start.Add(time.Second))}
	c.publish(slices.Delete(flowsUpTo(5), 3, 4), time.Second)
	c.shows("10.0.0.3:40003", "closed", "4/4")
	c.pass(time.Second)
	c.shows("10.0.0.3:40003")
	c.publish(slices.Delete(flowsUpTo(5), 3, 4), 2*time.Second)
	c.hides("10.0.0.3:40003")
}

// What ended before the console opened was never on its screen, and does not linger: at the
// end of a capture, where time stands still, it never went away.
func TestEndedBeforeItOpened(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(5))
	c.source.events = []flow.Event{destroy(fakeFlow(7), flow.ReasonExpired, start)}
	c.m = New(c.source, WithRenderer(c.m.options.renderer), WithClock(func() time.Time { return c.now }), WithInterval(time.Nanosecond))
	c.send(tea.WindowSizeMsg{Width: 120, Height: 24})
	c.run(c.m.Init())
	c.shows("5/5", "10.0.0.4")
	c.hides("10.0.0.7:", "expired")
	c.press("/", "state:ended", "enter")
	c.shows("10.0.0.7:")
}

func TestHelpNamesEveryKeyAndBack(t *testing.T) {
	c := newConsole(t, 120, 40, flowsUpTo(5))
	c.press("?")
	for _, s := range sections(c.m.frame) {
		for _, k := range s.Keys {
			if k.Enabled() {
				c.shows(k.Help().Desc)
			}
		}
	}
	c.hides("export")
	c.press("esc")
	c.shows("10.0.0.0")
}

func TestExport(t *testing.T) {
	var wrote int
	export := func(_ *flow.Snapshot, flows []*flow.Flow) (string, error) {
		wrote = len(flows)
		return "ctop-flows.csv", nil
	}
	c := newConsole(t, 80, 24, flowsUpTo(100), WithExport(export))
	c.press("/", "udp", "enter", "e")
	if wrote != 20 {
		t.Fatalf("exported %d flows, not the 20 that are shown", wrote)
	}
	c.shows("wrote 20 flows to ctop-flows.csv")
}

// Flows that ended a moment ago are still there to be seen, struck through. The file
// has those that the header counts.
func TestExportLeavesOutWhatEnded(t *testing.T) {
	var wrote int
	export := func(_ *flow.Snapshot, flows []*flow.Flow) (string, error) {
		wrote = len(flows)
		return "/root/flows.json", nil
	}
	c := newConsole(t, 120, 24, flowsUpTo(10), WithExport(export))
	c.source.events = []flow.Event{destroy(fakeFlow(8), flow.ReasonRST, c.now), destroy(fakeFlow(9), flow.ReasonRST, c.now)}
	c.publish(flowsUpTo(8), time.Second)
	c.shows("8 / 65,536 flows", "10.0.0.8", "10.0.0.9")
	c.press("e")
	c.shows("wrote 8 flows to /root/flows.json")
	if wrote != 8 {
		t.Errorf("wrote %d flows", wrote)
	}
	c.press("/", "state:ended", "enter", "e")
	c.shows("wrote 2 flows")
}

func TestRates(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(1))
	c.shows("112 M")
	c.press("r")
	c.shows("14 M", "rates in bytes")
	c.press("r")
	c.shows("10 k", "rates in packets")
	c.press("r")
	c.shows("112 M")
}

func TestCopySendsTheTuple(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(1))
	c.press("y")
	c.shows("copied tcp 10.0.0.0:40000 → 192.168.1.10:443")
	if !strings.Contains(c.out.String(), "\x1b]52;c;") {
		t.Fatalf("nothing was sent to the clipboard: %q", c.out.String())
	}
	// What is too long for the line is cut, not what comes next.
	c.press("y")
	c.shows("copied ctop delete proto:tcp src:10.0.0.", "…   y again: a conntrack command")
}

func TestDetail(t *testing.T) {
	c := newConsole(t, 120, 40, flowsUpTo(10))
	c.source.events = someEvents()
	c.pass(time.Second)
	c.press("enter")
	c.shows("ESTABLISHED", "handshake complete", "+ 12.1 ms", "expires 5 days after its last packet")
	c.source.events = append(c.source.events, destroy(fakeFlow(0), flow.ReasonRST, start.Add(2*time.Second)))
	c.publish(flowsUpTo(10)[1:], 2*time.Second)
	c.shows("ended: rst", "reset")
	c.press("esc")
	c.shows("ORIGIN")
}

func TestViews(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(1))
	for _, step := range []struct{ key, open string }{
		{"2", "[2 Events]"},
		{"5", "[5 Timeouts]"},
		{"1", "[1 Flows]"},
		{"t", "[5 Timeouts]"},
		{"tab", "[1 Flows]"},
		{"tab", "[2 Events]"},
		{"shift+tab", "[1 Flows]"},
	} {
		c.press(step.key)
		c.shows(step.open)
	}
}

func TestMouse(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(100))
	c.click(40, 5)
	c.cursorOn("10.0.0.4")
	titles := strings.Split(c.m.View(), "\n")[2]
	c.click(strings.Index(titles, "STATE")+1, 2)
	c.shows("STATE ▲")
	c.click(strings.Index(strings.Split(c.m.View(), "\n")[1], "Events"), 1)
	c.shows("[2 Events]")
	c.click(3, 1)
	c.press("g")
	c.send(tea.MouseMsg{Button: tea.MouseButtonWheelDown, Action: tea.MouseActionPress})
	if got := c.m.flows.Selected(); got != c.m.flows.Rows()[3] {
		t.Fatalf("the wheel went to %v", got.ID)
	}
}

func (c *console) click(x, y int) {
	c.send(tea.MouseMsg{X: x, Y: y, Button: tea.MouseButtonLeft, Action: tea.MouseActionPress})
}

func TestQuit(t *testing.T) {
	for _, keys := range [][]string{{"q"}, {"ctrl+c"}, {"/", "ctrl+c"}, {"enter", "q", "q"}, {"d", "ctrl+c"}} {
		c := newConsole(t, 80, 24, flowsUpTo(1))
		c.press(keys...)
		if !c.quit {
			t.Errorf("%v does not quit", keys)
		}
	}
}

func TestErrorsAreSaidAndCleaned(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(1))
	c.source.err = errors.New("delete: \x1b[31mflow\x07 is gone")
	c.press("d", "y")
	c.shows("delete: ·[31mflow· is gone")
	c.press("down")
	c.hides("is gone")
}

func TestStaleTicksStartNothing(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(1))
	old := c.m.generation
	c.press("d", "y") // looks at the source at once
	if c.m.generation == old {
		t.Fatal("the generation did not change")
	}
	if _, cmd := c.m.Update(tickMsg{old}); cmd != nil {
		t.Fatal("a tick of an old generation looks at the source")
	}
}

func TestOvertakenRowsAreNotShown(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(100))
	_, late := c.m.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("S")})
	c.press("/", "udp", "enter")
	c.run(late)
	c.shows("20/100")
}
