package order

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"ctop/tracker/flow"
)

// Several processors come to the same order as one.
func TestInOrder(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	random := rand.New(rand.NewPCG(1, 2))
	for _, processors := range []int{1, 2, 3, 8} {
		runtime.GOMAXPROCS(processors)
		for _, n := range []int{0, 1, alone, alone + 1, 3*alone + 5} {
			items := make([]item, n)
			for i := range items {
				items[i] = item{hi: random.Uint64N(50), lo: random.Uint64N(3), sub: random.Uint32N(2), id: flow.ID(i)}
			}
			want := slices.SortedFunc(slices.Values(items), less)
			got := []item{}
			inOrder(items, func(it *item) { got = append(got, *it) })
			if !slices.Equal(got, want) {
				t.Errorf("%d items on %d processors are out of order", n, processors)
			}
		}
	}
}
