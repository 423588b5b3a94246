package order

import (
	"slices"

	"ctop/internal/filter"
	"ctop/tracker/flow"
)

// Top has the first flows of an order, and what all that match the filter are together.
type Top struct {
	Rows     []*flow.Flow
	Matching int
	// BPS is the rate of all that match, in bits per second.
	BPS float64
}

// First returns the first n flows of a snapshot that match a filter. It is the beginning
// of what [Arrange] returns, at a part of the cost: it keeps n flows at a time.
func First(s *flow.Snapshot, f filter.Filter, by By, n int) Top {
	f = f.For(s)
	var top Top
	ranker := by.ranker()
	// heap has the first flows so far, the last of them in front.
	heap := make([]item, 0, n)
	for i := range s.Flows {
		one := &s.Flows[i]
		if !f.Match(one) {
			continue
		}
		top.Matching++
		top.BPS += one.BPS()
		it := ranker.item(one, i)
		switch {
		case n <= 0:
		case len(heap) < n:
			heap = append(heap, it)
			rise(heap)
		case less(it, heap[0]) < 0:
			heap[0] = it
			sink(heap)
		}
	}
	slices.SortFunc(heap, less)
	for _, it := range heap {
		top.Rows = append(top.Rows, &s.Flows[it.at])
	}
	return top
}

// rise moves the last item to its place.
func rise(heap []item) {
	for i := len(heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if less(heap[i], heap[parent]) <= 0 {
			return
		}
		heap[i], heap[parent] = heap[parent], heap[i]
		i = parent
	}
}

// sink moves the first item to its place.
func sink(heap []item) {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && less(heap[child+1], heap[child]) > 0 {
			child++
		}
		if less(heap[child], heap[i]) <= 0 {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}
