package diff_test

import (
	"fmt"
	"slices"
	"testing"

	"ctop/internal/diff"
	"ctop/tracker/flow"
)

func tcp(id flow.ID, from, to string, bytes uint64) flow.Flow {
	return flow.Flow{
		ID: id, State: flow.StateEstablished,
		Tuple:  flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd(from), Dst: flow.MustParseEnd(to)},
		Origin: flow.Half{Packets: bytes / 100, Bytes: bytes},
	}
}

func snapshotOf(flows ...flow.Flow) *flow.Snapshot {
	return &flow.Snapshot{Interfaces: []flow.Interface{{Name: "eth0"}, {Name: "eth1"}}, Flows: flows}
}

func lines(r *diff.Result) []string {
	var list []string
	for i := range r.Rows {
		row := &r.Rows[i]
		origin, reply := row.Deltas()
		list = append(list, fmt.Sprintf("%s %d %d/%d", row.Change, row.Flow().ID, origin.Bytes, reply.Bytes))
	}
	return list
}

// Flows of one tracker are compared by id.
func TestByID(t *testing.T) {
	a, b, c := tcp(1, "10.0.0.1:1", "10.0.0.9:80", 100), tcp(2, "10.0.0.1:2", "10.0.0.9:80", 200), tcp(3, "10.0.0.1:3", "10.0.0.9:80", 300)
	a2, b2 := a, b
	a2.Origin.Bytes, a2.Reply.Bytes = 150, 5
	b2.Idle, b2.Age = 1, 2 // time passes for every flow
	again := tcp(4, "10.0.0.1:3", "10.0.0.9:80", 10)
	big := tcp(5, "10.0.0.1:5", "10.0.0.9:80", 1000)
	r := diff.Compare(snapshotOf(a, b, c), snapshotOf(again, b2, a2, big), diff.ByAny)
	want := []string{"came 5 1000/0", "came 4 10/0", "went 3 0/0", "changed 1 50/5"}
	if got := lines(r); r.Key != diff.ByID || r.Same != 1 || !slices.Equal(got, want) {
		t.Errorf("by %s, %d the same, %q, want %q", r.Key, r.Same, got, want)
	}
	if r.Count(diff.Came) != 2 || r.Count(diff.Went) != 1 || r.Count(diff.Changed) != 1 {
		t.Error("the counts are wrong")
	}
}

// Each of these is a change.
func TestChanged(t *testing.T) {
	was := tcp(1, "10.0.0.1:1", "10.0.0.9:80", 100)
	for name, change := range map[string]func(*flow.Flow){
		"state":        func(f *flow.Flow) { f.State = flow.StateFinWait1 },
		"packets":      func(f *flow.Flow) { f.Reply.Packets++ },
		"bytes":        func(f *flow.Flow) { f.Reply.Bytes++ },
		"retransmits":  func(f *flow.Flow) { f.Origin.Retransmits++ },
		"reordered":    func(f *flow.Flow) { f.Origin.Reordered++ },
		"zero windows": func(f *flow.Flow) { f.Origin.ZeroWindows++ },
		"invalid":      func(f *flow.Flow) { f.Invalid++ },
		"related":      func(f *flow.Flow) { f.Related++ },
		"closed by":    func(f *flow.Flow) { f.ClosedBy = flow.CloserReply },
		"one-sided":    func(f *flow.Flow) { f.OneSided = true },
	} {
		now := was
		change(&now)
		if r := diff.Compare(snapshotOf(was), snapshotOf(now), diff.ByID); r.Count(diff.Changed) != 1 || r.Same != 0 {
			t.Errorf("%s: %q", name, lines(r))
		}
	}
	for name, change := range map[string]func(*flow.Flow){
		"idle": func(f *flow.Flow) { f.Idle++ }, "rate": func(f *flow.Flow) { f.Origin.BPS++ },
	} {
		now := was
		change(&now)
		if r := diff.Compare(snapshotOf(was), snapshotOf(now), diff.ByID); r.Same != 1 {
			t.Errorf("%s: %q", name, lines(r))
		}
	}
}

// Two trackers number their flows and zones differently, and may take either end for
// the one that began.
func TestByTuple(t *testing.T) {
	before, after := snapshotOf(tcp(1, "10.0.0.1:1", "10.0.0.9:80", 100)), snapshotOf(tcp(7, "10.0.0.9:80", "10.0.0.1:1", 30))
	after.Flows[0].Reply = flow.Half{Packets: 1, Bytes: 140}
	r := diff.Compare(before, after, diff.ByAny)
	if got, want := lines(r), []string{"changed 7 30/40"}; r.Key != diff.ByTuple || !slices.Equal(got, want) {
		t.Errorf("by %s, %q, want %q", r.Key, got, want)
	}
	if r := diff.Compare(before, after, diff.ByID); r.Count(diff.Came) != 1 || r.Count(diff.Went) != 1 {
		t.Errorf("by id: %q", lines(r))
	}
	// The same tuple at another interface that is watched is another flow.
	a, b := tcp(1, "10.0.0.1:1", "10.0.0.9:80", 100), tcp(2, "10.0.0.1:1", "10.0.0.9:80", 100)
	a.Tuple.Zone, b.Tuple.Zone, b.In = 1, 2, 1
	if r := diff.Compare(snapshotOf(a), snapshotOf(b), diff.ByTuple); r.Same != 0 {
		t.Errorf("another interface: %q", lines(r))
	}
	moved := snapshotOf(b)
	moved.Interfaces[1].Name = "eth0"
	if r := diff.Compare(snapshotOf(a), moved, diff.ByTuple); r.Same != 1 {
		t.Errorf("another zone: %q", lines(r))
	}
}

// Nothing to compare is no difference.
func TestEmpty(t *testing.T) {
	if r := diff.Compare(snapshotOf(), snapshotOf(), diff.ByAny); len(r.Rows) != 0 || r.Same != 0 {
		t.Errorf("%q", lines(r))
	}
}
