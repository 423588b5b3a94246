package kernel

import (
	"testing"

	"ctop/tracker/flow"
)

// What is known of recent flows is forgotten when the machine's addresses change, and is
// not taken for what is known of others.
func TestRecentLocals(t *testing.T) {
	here := func(end flow.End) *flow.Locals {
		return &flow.Locals{{Of: map[[16]byte]struct{}{end.As16(): {}}}}
	}
	tuple := flow.Tuple{
		Proto: flow.ProtocolTCP, Zone: 1,
		Src: flow.MustParseEnd("10.0.0.1:40000"), Dst: flow.MustParseEnd("10.0.0.2:443"),
	}
	var table Table
	var recent RecentLocals
	ends := func(id flow.ID, tuple flow.Tuple) flow.Ends { return recent.Of(&table, id, &tuple) }
	if got := ends(1, tuple); got != 0 {
		t.Errorf("%s of a machine whose addresses are not known", got)
	}
	table.SetLocals(*here(tuple.Src))
	for range 2 {
		if got := ends(1, tuple); got != flow.EndOrigin {
			t.Errorf("the machine is %q, want the origin", got)
		}
	}
	if got := ends(1+flow.ID(len(recent.flows)), tuple.Reverse()); got != flow.EndReply {
		t.Errorf("in another flow the machine is %q, want the reply", got)
	}
	table.SetLocals(*here(tuple.Dst))
	if got := ends(1, tuple); got != flow.EndReply {
		t.Errorf("with another address the machine is %q, want the reply", got)
	}
}

func BenchmarkLocals(b *testing.B) {
	locals := flow.Locals{{Of: map[[16]byte]struct{}{}, Loopback: true}}
	for _, end := range []string{"10.0.0.1:1", "[fe80::1]:1", "127.0.0.1:1", "[::1]:1"} {
		locals[0].Of[flow.MustParseEnd(end).As16()] = struct{}{}
	}
	var table Table
	table.SetLocals(locals)
	tuple := flow.Tuple{Zone: 1, Src: flow.MustParseEnd("10.0.0.1:40000"), Dst: flow.MustParseEnd("10.0.0.2:443")}
	b.Run("every time", func(b *testing.B) {
		for b.Loop() {
			locals.Ends(&tuple)
		}
	})
	b.Run("recent", func(b *testing.B) {
		var recent RecentLocals
		for b.Loop() {
			recent.Of(&table, 7, &tuple)
		}
	})
}
