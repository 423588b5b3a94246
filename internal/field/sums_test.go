package field

import (
	"testing"

	"ctop/tracker/flow"
)

// Numbers of a flow are those of both directions together, where they say no direction.
func TestBothDirections(t *testing.T) {
	f := flow.Flow{
		Origin: flow.Half{Packets: 10, Bytes: 100, BPS: 1000, PPS: 10000, Retransmits: 1, Reordered: 2},
		Reply:  flow.Half{Packets: 30, Bytes: 300, BPS: 3000, PPS: 30000, Retransmits: 3, Reordered: 6},
	}
	for name, want := range map[string]Number{
		"packets": 40, "out_packets": 10, "in_packets": 30, "bytes": 400, "out_bytes": 100, "in_bytes": 300,
		"retransmits": 4, "reordered": 8,
	} {
		field, ok := Named(name)
		if !ok {
			t.Fatalf("there is no %s", name)
		}
		if got, known := field.Number(&f); got != want || !known {
			t.Errorf("%s is %d, not %d", name, got, want)
		}
	}
}

// Addresses that differ only in their last half, or in their first, are in order.
func TestOrderOfAddresses(t *testing.T) {
	for _, name := range []string{"origin", "reply"} {
		field, _ := Named(name)
		rank := field.Ranking(false)
		var before Rank
		for i, end := range []string{
			"[2001:db8::1:0:0:1]:9", "[2001:db8::1:0:0:2]:1", "[2001:db8::2:0:0:1]:1", "[2001:db8:0:1::]:1", "[2001:db9::]:1",
		} {
			at := flow.MustParseEnd(end)
			now := rank(&flow.Flow{Tuple: flow.Tuple{Src: at, Dst: at}})
			if i > 0 && !before.less(now) {
				t.Errorf("%s: %s is not after the one before", name, end)
			}
			before = now
		}
	}
}
