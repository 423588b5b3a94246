package order

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"ctop/internal/filter"
	"ctop/tracker/flow"
)

// The first flows are the beginning of all of them in order, whatever the order.
func TestFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		s := &flow.Snapshot{Interfaces: []flow.Interface{{Name: "eth0"}}}
		for range r.IntN(300) {
			s.Flows = append(s.Flows, flow.Flow{
				ID: flow.ID(1 + r.Uint64N(1<<40)), Idle: time.Duration(r.IntN(20)) * time.Second, Timeout: time.Hour,
				Origin: flow.Half{Packets: r.Uint64N(5), BPS: float64(r.IntN(4))}, Reply: flow.Half{BPS: float64(r.IntN(3))},
			})
		}
		key := Keys()[r.IntN(len(Keys()))]
		by := By{Key: key, Desc: r.IntN(2) == 0}
		f, err := filter.Parse([]string{"", "out_packets>1", "out_packets>100"}[r.IntN(3)])
		if err != nil {
			t.Fatal(err)
		}
		n := r.IntN(60)
		all := Arrange(Request{Snapshot: s, Filter: f, By: by}).Rows
		top := First(s, f, by, n)
		if want := all[:min(n, len(all))]; !slices.Equal(top.Rows, want) {
			t.Fatalf("by %s the first %d of %d are others", by, n, len(all))
		}
		rate := 0.0
		for _, one := range all {
			rate += one.BPS()
		}
		if top.Matching != len(all) || top.BPS != rate {
			t.Errorf("%d match with %v bit/s, not %d with %v", top.Matching, top.BPS, len(all), rate)
		}
	}
}
