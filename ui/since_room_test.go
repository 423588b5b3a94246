package ui

import (
	"runtime"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// The marks of all consoles together have room for four of the largest. One that is
// replaced makes room, and so does the end of a console.
func TestMarksShareRoom(t *testing.T) {
	many := make([]flow.Flow, 1<<18)
	var consoles []*console
	for i := range 5 {
		c := newConsole(t, 100, 24, many)
		if consoles = append(consoles, c); i < 4 && !c.marks() {
			t.Fatalf("console %d has no room", i)
		}
	}
	consoles[4].press("m")
	consoles[3].shows("marked 21:04:05")
	consoles[4].shows("the consoles of others have marked as many flows as there is room for")
	consoles[3].publish(flowsUpTo(5), time.Second)
	consoles[3].press("m")
	consoles[3].shows("marked 21:04:06")
	last := consoles[4]
	clear(consoles)
	if !last.marks() {
		t.Error("consoles that ended keep their room")
	}
}

// marks sets a mark, once the collector has found consoles that ended, also those of other
// tests. It reports whether there is room.
func (c *console) marks() bool {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if c.press("m"); c.m.frame.MarkName() != "" {
			return true
		}
		runtime.GC()
	}
	return false
}
