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
	for range 5 {
		c := newConsole(t, 100, 24, many)
		c.press("m")
		consoles = append(consoles, c)
	}
	consoles[3].shows("marked 21:04:05")
	consoles[4].shows("the consoles of others have marked as many flows as there is room for")
	consoles[3].publish(flowsUpTo(5), time.Second)
	consoles[3].press("m")
	consoles[3].shows("marked 21:04:06")
	last := consoles[4]
	clear(consoles)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); { // until the collector has found the others
		runtime.GC()
		if last.press("m"); last.m.frame.MarkName() != "" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("consoles that ended keep their room")
}
