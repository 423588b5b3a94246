package order

import (
	"runtime"
	"slices"
	"sync"
)

// alone is the number of items up to which sorting on one CPU is as fast as on
// several.
const alone = 1 << 15

// inOrder sorts items, on all CPUs if there are many, and calls take with each of them
// in order. The items may be changed.
func inOrder(items []item, take func(*item)) {
	parts := runtime.GOMAXPROCS(0)
	if len(items) <= alone {
		parts = 1
	}
	runs := slices.Collect(slices.Chunk(items, max(1, (len(items)+parts-1)/parts)))
	together(len(runs), func(i int) { slices.SortFunc(runs[i], less) })
	for len(runs) > 2 {
		merged := make([][]item, (len(runs)+1)/2)
		together(len(merged), func(i int) {
			if 2*i+1 == len(runs) {
				merged[i] = runs[2*i]
				return
			}
			all := make([]item, 0, len(runs[2*i])+len(runs[2*i+1]))
			merge(runs[2*i], runs[2*i+1], func(it *item) { all = append(all, *it) })
			merged[i] = all
		})
		runs = merged
	}
	// The last two are not copied: they may have a million items.
	runs = append(runs, nil, nil)
	merge(runs[0], runs[1], take)
}

// together calls do concurrently for every number from 0 to n-1.
func together(n int, do func(int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// merge calls take with the items of two sorted slices in order.
func merge(a, b []item, take func(*item)) {
	for len(a) > 0 && len(b) > 0 {
		if less(b[0], a[0]) < 0 {
			take(&b[0])
			b = b[1:]
		} else {
			take(&a[0])
			a = a[1:]
		}
	}
	for i := range a {
		take(&a[i])
	}
	for i := range b {
		take(&b[i])
	}
}
