package ui

import (
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// changed returns flows of which the second one has carried more, the fourth has another
// state, the first is gone and one came.
func changed() []flow.Flow {
	flows := flowsUpTo(6)[1:]
	flows[0].Origin.Bytes += 2_500_000
	flows[0].Origin.Packets += 2000
	flows[0].Reply.Bytes += 900
	flows[0].Reply.Packets += 9
	flows[2].State = flow.StateFinWait1
	return flows
}

func TestCompare(t *testing.T) {
	c := newConsole(t, 140, 24, flowsUpTo(5))
	c.press("M")
	c.shows("there is no mark yet: m sets one, or a pause does")
	c.press("m")
	c.shows("marked 21:04:05: M shows what came, went and changed since")
	c.publish(changed(), 5*time.Second)
	c.hides("CHANGE")
	c.press("M")
	c.shows("since 21:04:05", "1 came 1 went 2 changed", "CHANGE", "+→ B", "+2.5 M", "+900", "+2.0 k", "+9")
	if got := rowsOf(c); len(got) != 4 {
		t.Errorf("rows are %q", got)
	}
	c.press("/", "changed", "enter")
	if got := rowsOf(c); len(got) != 2 {
		t.Errorf("rows are %q", got)
	}
	c.press("esc", "/", "went", "enter")
	c.shows("10.0.0.0:", "0 came 1 went 0 changed")
	c.press("d") // what went cannot be deleted
	c.shows("this flow has ended already")
	c.press("D")
	c.hides("delete 1 flow")
	c.press("esc", "/", "came", "enter")
	c.shows("10.0.0.5:", "1 came 0 went 0 changed")
	c.press("esc", "M")
	c.hides("CHANGE", "since")
	c.shows("row 3/5")
	// A filter that asks for changes compares without M.
	c.press("/", "came", "enter")
	c.shows("1 came 0 went 0 changed", "since 21:04:05")
	c.press("esc", "M", "esc")
	c.hides("CHANGE")
	c.press("M", "m")
	c.shows("nothing came, went or changed since 21:04:10; M shows all flows")
}

// The order while flows are compared is not that of all flows, and is not saved.
func TestCompareOrder(t *testing.T) {
	c := newConsole(t, 140, 24, flowsUpTo(5))
	c.press("s", "g", "m")
	c.publish(changed(), time.Second)
	c.press("M")
	c.cursorOn("10.0.0.1:")
	c.press("S", "g")
	c.cursorOn("10.0.0.3:")
	if got := c.m.Settings().Sort; got != "age:desc" {
		t.Errorf("saved is %s", got)
	}
	c.press("M")
	c.shows("AGE ▼")
}

// Without a mark there is nothing to compare with, and the page says so.
func TestCompareWithoutMark(t *testing.T) {
	c := newConsole(t, 100, 24, flowsUpTo(5))
	c.press("/", "came", "enter")
	c.shows("there is no mark to compare with: m sets one; Esc clears the filter")
	c.press("m", "2", "M")
	c.shows("[1 Flows]", "none of 5 flows passes")
}

// A pause marks what it showed, unless the operator has set a mark.
func TestComparePause(t *testing.T) {
	c := newConsole(t, 140, 24, flowsUpTo(5))
	c.press("p")
	c.publish(changed(), 5*time.Second)
	c.press("p")
	c.shows("after 5s: 1 flow came, 1 went, 1 changed state; M shows them")
	c.press("M")
	c.shows("1 came 1 went 2 changed", "since 21:04:05")
	c.press("M", "m", "p")
	c.publish(flowsUpTo(5), 5*time.Second)
	c.press("p")
	c.shows("changed state")
	c.hides("M shows them")
	c.press("M")
	c.shows("since 21:04:10")
}

// The mark may be a time of the past, and so may be what is compared with it.
func TestComparePast(t *testing.T) {
	c, _ := newPast(t, 140, 24, 30)
	c.press("[", "[", "[", "m")
	c.shows("marked 21:04:32: M shows")
	c.press("end", "M")
	c.shows("since 21:04:32", "3 came 0 went 0 changed")
	c.press("[")
	c.shows("2 came 0 went 0 changed", " −1s")
	// Before the mark everything is told from that time on.
	for range 6 {
		c.press("[")
	}
	c.shows("4 came 0 went 0 changed", "since 21:04:32")
}

func TestCompareFile(t *testing.T) {
	before := &flow.Snapshot{Time: start.Add(-time.Hour), Interfaces: []flow.Interface{{Name: "eth7"}}, Flows: flowsUpTo(3)}
	for i := range before.Flows {
		before.Flows[i].ID += 1000 // of another tracker: compared by tuple
	}
	c := newConsole(t, 140, 24, flowsUpTo(5), WithCompared(before, "monday.json"))
	c.shows("since monday.json", "2 came 0 went 0 changed")
	c.press("M")
	c.shows("5/5")
}

// A mark is kept as long as it is one, so its size has a limit.
func TestCompareTooMany(t *testing.T) {
	c := newConsole(t, 100, 24, make([]flow.Flow, 1<<18+1))
	c.press("m")
	c.shows("262,145 flows are too many to keep: a mark has room for 262,144")
	c.press("M")
	c.shows("there is no mark yet")
}

// On every screen the columns of a comparison come before the usual ones.
func TestCompareNarrow(t *testing.T) {
	for _, width := range []int{60, 80, 120} {
		c := newConsole(t, width, 24, flowsUpTo(5))
		c.press("m")
		c.publish(changed(), 5*time.Second)
		c.press("M")
		c.shows("CHANGE", "came", "went", "changed")
		if width >= 80 {
			c.shows("+2.5 M")
		}
		if strings.Contains(c.m.View(), "TTL") && width < 120 {
			t.Errorf("the usual columns stay:\n%s", c.m.View())
		}
	}
}

// A direction that was never seen has carried nothing more, not zero bytes more.
func TestCompareUnseen(t *testing.T) {
	c := newConsole(t, 140, 24, flowsUpTo(3))
	c.press("m")
	flows := flowsUpTo(3)
	flows[2].Origin.Bytes += 5000 // nobody answers it
	c.publish(flows, time.Second)
	c.press("M")
	if line := c.cursor(); !strings.Contains(line, "+5.0 k        ·") {
		t.Errorf("the first is %q", line)
	}
}
