package order

import (
	"runtime"
	"slices"
	"sync"
)

// alone is the number of items up to which sorting on one CPU is as fast as on
// several.
const alone = 1 << 15

// sorted sorts items, on all CPUs if there are many. It may return a different
// slice.
func sorted(items []item) []item {
	parts := runtime.GOMAXPROCS(0)
	if len(items) <= alone || parts == 1 {
		slices.SortFunc(items, less)
		return items
	}
	runs := slices.Collect(slices.Chunk(items, (len(items)+parts-1)/parts))
	together(len(runs), func(i int) { slices.SortFunc(runs[i], less) })
	for len(runs) > 1 {
		merged := make([][]item, (len(runs)+1)/2)
		together(len(merged), func(i int) {
			if 2*i+1 == len(runs) {
				merged[i] = runs[2*i]
			} else {
				merged[i] = merge(runs[2*i], runs[2*i+1])
			}
		})
		runs = merged
	}
	return runs[0]
}

// together calls do concurrently for every number from 0 to n-1.
func together(n int, do func(int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// merge merges two sorted slices.
func merge(a, b []item) []item {
	all := make([]item, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if less(b[0], a[0]) < 0 {
			all, b = append(all, b[0]), b[1:]
		} else {
			all, a = append(all, a[0]), a[1:]
		}
	}
	return append(append(all, a...), b...)
}
