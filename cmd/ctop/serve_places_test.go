package main

import (
	"testing"
	"time"

	"ctop/tracker/flow"
	"ctop/ui/console"
)

// sending returns dumps with so many of a role being sent, each of one of the
// snapshots in turn.
func sending(role console.Role, n int, of ...*flow.Snapshot) []*sentDump {
	list := make([]*sentDump, n)
	for i := range list {
		list[i] = &sentDump{role: role, snapshot: of[i%len(of)]}
	}
	return list
}

// A dump is of the latest snapshot, or shares one that is not much older, or waits.
// Viewers have half of the places.
func TestPlacesOfDumps(t *testing.T) {
	at := time.Unix(1e9, 0)
	snapshot := func(age time.Duration) *flow.Snapshot { return &flow.Snapshot{Time: at.Add(-age)} }
	latest, older, oldest, ancient := snapshot(0), snapshot(sharedFor), snapshot(sharedFor+1), snapshot(time.Hour)
	for _, tt := range []struct {
		name   string
		sent   []*sentDump
		latest *flow.Snapshot
		role   console.Role
		want   *flow.Snapshot
	}{
		{"the first", nil, latest, console.Viewer, latest},
		{"no snapshot", sending(console.Viewer, 2, older, oldest), nil, console.Operator, nil},
		{"a second snapshot", sending(console.Viewer, 1, older), latest, console.Operator, latest},
		{"a viewer shares", sending(console.Viewer, 1, older), latest, console.Viewer, older},
		{"a viewer waits for a newer one", sending(console.Viewer, 1, oldest), latest, console.Viewer, nil},
		{"beside an operator's", sending(console.Operator, 1, oldest), latest, console.Viewer, latest},
		{"the newest is shared", sending(console.Operator, 2, ancient, older), latest, console.Operator, older},
		{"in any order", sending(console.Operator, 2, older, ancient), latest, console.Operator, older},
		{"all are too old", sending(console.Operator, 2, ancient, oldest), latest, console.Operator, nil},
		{"one that is held", sending(console.Operator, 2, ancient, latest), latest, console.Viewer, latest},
		{"the last place", sending(console.Operator, mostDumps-1, latest), latest, console.Viewer, latest},
		{"no place", sending(console.Operator, mostDumps, latest), latest, console.Operator, nil},
		{"the last of viewers", sending(console.Viewer, mostViewersDumps-1, latest), latest, console.Viewer, latest},
		{"no place for viewers", sending(console.Viewer, mostViewersDumps, latest), latest, console.Viewer, nil},
		{"but for operators", sending(console.Viewer, mostViewersDumps, latest), latest, console.Operator, latest},
	} {
		d := newDumps()
		d.sent = tt.sent
		if got := d.choose(tt.latest, tt.role); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// A slow dump is ended for another one: the oldest that the role may end, once.
func TestSlowDumpsAreEnded(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after time.Duration
		roles []console.Role
		role  console.Role
		// ended is the index of the dump that is ended, -1 for none.
		ended int
	}{
		{"too soon", slowAfter - 1, []console.Role{console.Viewer}, console.Operator, -1},
		{"a viewer's for an operator", slowAfter, []console.Role{console.Viewer, console.Operator}, console.Operator, 0},
		{"an operator's for an operator", slowAfter, []console.Role{console.Operator, console.Viewer}, console.Operator, 0},
		{"a viewer's for a viewer", slowAfter, []console.Role{console.Operator, console.Viewer}, console.Viewer, 1},
		{"never an operator's for a viewer", slowAfter, []console.Role{console.Operator}, console.Viewer, -1},
	} {
		d, pass := testDumps()
		ended := make([]int, len(tt.roles))
		for i, role := range tt.roles {
			d.sent = append(d.sent, &sentDump{role: role, begun: d.clock(), end: func(error) { ended[i]++ }})
		}
		pass(tt.after)
		d.endSlow(tt.role)
		for i, n := range ended {
			if want := map[bool]int{true: 1}[i == tt.ended]; n != want {
				t.Errorf("%s: dump %d was ended %d times", tt.name, i, n)
			}
		}
		if tt.ended < 0 {
			continue
		}
		d.sent = d.sent[tt.ended : tt.ended+1]
		d.endSlow(tt.role)
		if ended[tt.ended] != 1 {
			t.Errorf("%s: it was ended twice", tt.name)
		}
	}
}

// Dumps of the same role are served in the order in which they came.
func TestDumpsQueue(t *testing.T) {
	d := newDumps()
	vic, val, ann := &waiting{console.Viewer}, &waiting{console.Viewer}, &waiting{console.Operator}
	d.waiting = []*waiting{vic, val, ann}
	first := func(w *waiting) bool {
		_, first := d.turn(w)
		return first
	}
	if !first(vic) || first(val) || !first(ann) || first(&waiting{console.Viewer}) {
		t.Error("not in the order in which they came")
	}
	changed := d.changed
	d.leave(vic)
	select {
	case <-changed:
	default:
		t.Error("the next one is not told")
	}
	if !first(val) || len(d.waiting) != 2 {
		t.Errorf("%d wait", len(d.waiting))
	}
}
