package order

import (
	"slices"
	"testing"
	"time"

	"ctop/internal/diff"
	"ctop/internal/filter"
	"ctop/tracker/flow"
)

// compared returns two snapshots: 0 and 1 went, 12 and 13 came, 5 carried a megabyte more,
// and 7 has another state.
func compared() (before, after *flow.Snapshot) {
	start := time.Date(2026, 7, 22, 21, 4, 5, 0, time.UTC)
	before = &flow.Snapshot{Time: start, Flows: flows(12), Interfaces: []flow.Interface{{Name: "a"}, {Name: "b"}}}
	after = &flow.Snapshot{Time: start.Add(time.Minute), Flows: flows(14)[2:], Interfaces: []flow.Interface{{Name: "b"}, {Name: "a"}}}
	after.Flows[3].Reply.Bytes += 1_000_000
	after.Flows[5].State = flow.StateTimeWait
	return before, after
}

func TestArrangeChanges(t *testing.T) {
	before, after := compared()
	id := func(n int) flow.ID { return flows(n + 1)[n].ID }
	for _, c := range []struct {
		filter string
		by     By
		want   []flow.ID
	}{
		{"", By{Key: ByChange}, []flow.ID{id(12), id(13), id(0), id(1), id(5), id(7)}},
		{"went", By{Key: ByChange, Desc: true}, []flow.ID{id(0), id(1)}},
		{"came", By{Key: "id"}, []flow.ID{id(12), id(13)}},
		{"changed", Expected(ByDelta), []flow.ID{id(5), id(7)}},
		{"!came !went bytes>1M", Expected(ByDelta), []flow.ID{id(5)}},
	} {
		wanted, err := filter.Parse(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		r := Arrange(Request{Snapshot: after, Filter: wanted, By: c.by, Since: diff.NewMark(before, diff.ByID), Anchor: c.want[0], Watch: id(3)})
		var got []flow.ID
		for i, f := range r.Rows {
			if got = append(got, f.ID); r.Changes[i].Flow() != f {
				t.Errorf("%s: the change of row %d is that of another flow", c.filter, i)
			}
		}
		slices.Sort(got)
		want := slices.Clone(c.want)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", c.filter, got, want)
		}
		if r.Watched == nil || r.Rows[r.Anchor].ID != c.want[0] {
			t.Errorf("%q: the watched flow is %v, the anchor %d", c.filter, r.Watched, r.Anchor)
		}
	}
}

// The orders by what became of flows.
func TestChangeOrders(t *testing.T) {
	before, after := compared()
	arranged := func(by By) (list []diff.Change) {
		for _, row := range Arrange(Request{Snapshot: after, By: by, Since: diff.NewMark(before, diff.ByID)}).Changes {
			list = append(list, row.Change)
		}
		return list
	}
	up := arranged(By{Key: ByChange})
	if !slices.Equal(up, []diff.Change{diff.Came, diff.Came, diff.Went, diff.Went, diff.Changed, diff.Changed}) {
		t.Errorf("by change: %v", up)
	}
	down := arranged(By{Key: ByChange, Desc: true})
	slices.Reverse(down)
	if !slices.Equal(up, down) {
		t.Errorf("by change, turned round: %v", down)
	}
	r := Arrange(Request{Snapshot: after, By: Expected(ByDelta), Since: diff.NewMark(before, diff.ByID)})
	for i := 1; i < len(r.Changes); i++ {
		if r.Changes[i-1].Weight() < r.Changes[i].Weight() {
			t.Errorf("row %d carried less than row %d", i-1, i)
		}
	}
}

// A flow that went is at the interface of that name.
func TestWentKeepsItsInterface(t *testing.T) {
	before, after := compared()
	before.Flows[0].In = 0
	wanted, _ := filter.Parse("went if:a")
	r := Arrange(Request{Snapshot: after, Filter: wanted, Since: diff.NewMark(before, diff.ByID)})
	if len(r.Rows) == 0 || r.Rows[0].In != 1 || before.Flows[0].In != 0 {
		t.Errorf("%d rows", len(r.Rows))
	}
}

// An earlier snapshot is compared the other way round.
func TestMarkIsLater(t *testing.T) {
	before, after := compared()
	r := Arrange(Request{Snapshot: before, By: By{Key: ByChange}, Since: diff.NewMark(after, diff.ByID)})
	counts := [3]int{}
	for _, row := range r.Changes {
		counts[row.Change]++
	}
	if counts != [3]int{2, 2, 2} {
		t.Errorf("%v came, went and changed", counts)
	}
}

func BenchmarkChanges(b *testing.B) {
	before := &flow.Snapshot{Flows: flows(100_000)}
	after := &flow.Snapshot{Flows: flows(105_000)[5_000:]}
	mark := diff.NewMark(before, diff.ByID)
	for b.Loop() {
		Arrange(Request{Snapshot: after, By: Expected(ByDelta), Since: mark})
	}
}
