package collect

import (
	"slices"
	"testing"

	"ctop/tracker/flow"
)

// numbers are the ids of events.
func numbers(events []flow.Event) (ids []int) {
	for _, e := range events {
		ids = append(ids, int(e.ID))
	}
	return ids
}

func TestEventLog(t *testing.T) {
	for _, c := range []struct {
		name         string
		limit, added int
		after        uint64
		want         []int
	}{
		{"empty", 4, 0, 0, nil},
		{"some", 4, 3, 0, []int{0, 1, 2}},
		{"some, from the middle", 4, 3, 2, []int{2}},
		{"some, nothing new", 4, 3, 3, nil},
		{"just full", 4, 4, 0, []int{0, 1, 2, 3}},
		{"once around", 4, 5, 0, []int{1, 2, 3, 4}},
		{"many times around", 4, 42, 0, []int{38, 39, 40, 41}},
		{"around, from the middle", 4, 42, 40, []int{40, 41}},
		{"around, what is gone", 4, 42, 37, []int{38, 39, 40, 41}},
		{"of one", 1, 7, 0, []int{6}},
		{"a position from another life", 4, 3, 99, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &EventLog{Limit: c.limit}
			for i := range c.added {
				l.Add(&flow.Event{ID: flow.ID(i)})
			}
			events, total := l.After(c.after)
			if got := numbers(events); !slices.Equal(got, c.want) || total != uint64(c.added) {
				t.Errorf("%v of %d, want %v", got, total, c.want)
			}
		})
	}
}

// A reader that goes on where it was gets each event once.
func TestEventLogReader(t *testing.T) {
	l := &EventLog{Limit: 8}
	var got []int
	var position uint64
	for i := range 100 {
		l.Add(&flow.Event{ID: flow.ID(i)})
		if i%5 == 0 {
			var events []flow.Event
			events, position = l.After(position)
			got = append(got, numbers(events)...)
		}
	}
	for i, n := range got {
		if i != n {
			t.Fatalf("read %v", got)
		}
	}
}
