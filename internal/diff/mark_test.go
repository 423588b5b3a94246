package diff_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"ctop/internal/diff"
	"ctop/tracker/flow"
)

func at(seconds int, s *flow.Snapshot) *flow.Snapshot {
	if seconds != 0 {
		s.Time = time.Unix(int64(seconds), 0)
	}
	return s
}

// changes returns what became of all flows, and with how many packets and bytes.
func changes(c *diff.Comparison) (list []string) {
	for row := range c.Rows() {
		origin, reply := row.Deltas()
		list = append(list, fmt.Sprintf("%s %d %d+%d/%d+%d", row.Change, row.Flow().ID, origin.Packets, origin.Bytes, reply.Packets, reply.Bytes))
	}
	return list
}

// A mark is compared with what was before it as with what is after it, by their times.
func TestMarkIsReversed(t *testing.T) {
	few, many := tcp(1, "10.0.0.1:1", "10.0.0.9:80", 100), tcp(1, "10.0.0.1:1", "10.0.0.9:80", 400)
	many.Reply = flow.Half{Packets: 2, Bytes: 50}
	alone, other := tcp(2, "10.0.0.1:2", "10.0.0.9:80", 200), tcp(3, "10.0.0.1:3", "10.0.0.9:80", 300)
	forward := []string{"changed 1 3+300/2+50", "came 3 3+300/0+0", "went 2 0+0/0+0"}
	for _, c := range []struct {
		marked, now int
		want        []string
	}{
		{10, 20, forward},
		{10, 10, forward},
		{10, 0, forward},
		{0, 10, forward},
		{20, 10, []string{"changed 1 -3+-300/-2+-50", "went 3 0+0/0+0", "came 2 2+200/0+0"}},
	} {
		if c.marked > c.now && c.now > 0 { // the table of before has less
			c.want[0] = "changed 1 3+300/2+50"
			mark := diff.NewMark(at(c.marked, snapshotOf(many, alone)), diff.ByAny)
			if got := changes(mark.With(at(c.now, snapshotOf(few, other)))); !slices.Equal(got, c.want) {
				t.Errorf("a mark at %d, a snapshot at %d: %q, want %q", c.marked, c.now, got, c.want)
			}
			continue
		}
		mark := diff.NewMark(at(c.marked, snapshotOf(few, alone)), diff.ByAny)
		if got := changes(mark.With(at(c.now, snapshotOf(many, other)))); !slices.Equal(got, c.want) {
			t.Errorf("a mark at %d, a snapshot at %d: %q, want %q", c.marked, c.now, got, c.want)
		}
	}
}

// Whoever looks at the rows may stop at any of them.
func TestRowsStop(t *testing.T) {
	mark := diff.NewMark(snapshotOf(tcp(1, "10.0.0.1:1", "10.0.0.9:80", 1), tcp(2, "10.0.0.1:2", "10.0.0.9:80", 1)), diff.ByID)
	c := mark.With(snapshotOf(tcp(3, "10.0.0.1:3", "10.0.0.9:80", 1), tcp(4, "10.0.0.1:4", "10.0.0.9:80", 1)))
	for stop := 1; stop <= 4; stop++ {
		n := 0
		for range c.Rows() {
			if n++; n == stop {
				break
			}
		}
		if n != stop {
			t.Errorf("%d rows, stopped at %d", n, stop)
		}
	}
}

// Flows of a mark are shown with the interfaces of the snapshot, by their names. One whose
// interface is gone has none.
func TestHere(t *testing.T) {
	with := func(names ...string) *flow.Snapshot {
		s := snapshotOf()
		s.Interfaces = nil
		for _, n := range names {
			s.Interfaces = append(s.Interfaces, flow.Interface{Name: n})
		}
		return s
	}
	marked := with("eth0", "eth1", "gone")
	for _, c := range []struct {
		now  *flow.Snapshot
		want [4]uint16 // where the flows of each interface are, and of one that is none
	}{
		{with("eth0", "eth1", "gone"), [4]uint16{0, 1, 2, 3}},
		{with("eth1", "eth0"), [4]uint16{1, 0, 2, 3}},
		{with("new", "eth0", "eth1"), [4]uint16{1, 2, 3, 3}},
	} {
		here := diff.NewMark(marked, diff.ByAny).With(c.now).Here()
		for in, want := range c.want {
			f := flow.Flow{ID: 5, In: uint16(in)}
			if got := here(&f); got.In != want || got.ID != 5 || f.In != uint16(in) {
				t.Errorf("%v: a flow at %d is at %d, want %d", c.now.Names(), in, got.In, want)
			}
		}
	}
	f := flow.Flow{NAT: 7}
	if got := diff.NewMark(marked, diff.ByAny).With(with("eth1")).Here()(&f); got.NAT != 0 {
		t.Error("it refers to another half of another snapshot")
	}
}

// A conversation is the same whichever end began it, and wherever that cannot be told it is
// where it is.
func TestPlaces(t *testing.T) {
	same := func(a, b flow.Flow) bool { return diff.Compare(snapshotOf(a), snapshotOf(b), diff.ByTuple).Same == 1 }
	a := tcp(1, "10.0.0.1:1", "10.0.0.9:80", 100)
	b := tcp(2, "10.0.0.9:80", "10.0.0.1:1", 0)
	b.Reply = a.Origin
	loop := tcp(3, "10.0.0.1:1", "10.0.0.1:2", 100)
	pool := tcp(4, "10.0.0.1:2", "10.0.0.1:1", 0)
	pool.Reply = loop.Origin
	if !same(a, b) || !same(b, a) || !same(loop, pool) || !same(pool, loop) {
		t.Error("the other end makes another conversation")
	}
	// In a wire the interface is not part of it; at an interface that is unknown neither.
	other := a
	other.In = 1
	if !same(a, other) {
		t.Error("the other side of a wire makes another conversation")
	}
	a.Tuple.Zone, other.Tuple.Zone, a.In, other.In = 1, 2, 7, 2
	if !same(a, other) {
		t.Error("unknown interfaces make two conversations")
	}
}

// Rows are sorted by what both directions carried together.
func TestWeights(t *testing.T) {
	a, b := tcp(1, "10.0.0.1:1", "10.0.0.9:80", 0), tcp(2, "10.0.0.1:2", "10.0.0.9:80", 0)
	a2, b2 := a, b
	a2.Origin.Bytes, a2.Reply.Bytes = 100, 90
	b2.Origin.Bytes = 150
	r := diff.Compare(snapshotOf(a, b), snapshotOf(a2, b2), diff.ByID)
	if got := lines(r); !slices.Equal(got, []string{"changed 1 100/90", "changed 2 150/0"}) || r.Rows[0].Bytes() != 190 {
		t.Errorf("%q, %d bytes", got, r.Rows[0].Bytes())
	}
}
