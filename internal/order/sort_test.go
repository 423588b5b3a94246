package order

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"ctop/internal/field"
	"ctop/tracker/flow"
)

// Several processors come to the same order as one.
func TestSorted(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	random := rand.New(rand.NewPCG(1, 2))
	for _, processors := range []int{1, 2, 3, 8} {
		runtime.GOMAXPROCS(processors)
		for _, n := range []int{0, 1, alone, alone + 1, 3*alone + 5} {
			items := make([]item, n)
			for i := range items {
				items[i] = item{rank: field.Rank{Hi: random.Uint64N(50), Lo: random.Uint64N(3), Sub: random.Uint32N(2)}, id: flow.ID(i)}
			}
			want := slices.SortedFunc(slices.Values(items), less)
			if got := sorted(items); !slices.Equal(got, want) {
				t.Errorf("%d items on %d processors are out of order", n, processors)
			}
		}
	}
}
