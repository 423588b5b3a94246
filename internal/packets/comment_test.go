package packets

import (
	"testing"

	"ctop/tracker/flow"
)

// A process names itself: nothing of that controls a terminal, or looks like another word
// of the comment.
func TestHostileProcess(t *testing.T) {
	f := flow.Flow{Holding: flow.Holding{Process: &flow.Process{PID: 7, Name: "a\x1b[2J\n\tpid=1\xff"}}}
	if got, want := processOf(&f), " process=a·[2J__pid=1· pid=7"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
