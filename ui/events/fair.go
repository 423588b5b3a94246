package events

import (
	"math"
	"slices"
)

// fair returns the entries without the oldest ones, so that most are left at most. Hosts of a
// fleet have equal parts, of which those that need less leave the rest to the others: one that
// tells much pushes out its own events only. gone are the indices of those that are left out.
func fair(log []entry, most int) (kept []entry, gone []int) {
	counts := map[string]int{}
	for i := range log {
		counts[log[i].Host]++
	}
	part := share(counts, most)
	kept = make([]entry, 0, min(len(log), most))
	for i := range log {
		host := log[i].Host
		if counts[host] > part {
			counts[host]--
			gone = append(gone, i)
			continue
		}
		kept = append(kept, log[i])
	}
	return kept, gone
}

// share returns how many entries each host may have.
func share(counts map[string]int, most int) int {
	var sizes []int
	for _, n := range counts {
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	for i, n := range sizes {
		part := most / (len(sizes) - i)
		if n > part {
			return part
		}
		most -= n
	}
	return math.MaxInt // there is room for all
}

// before returns how many of some sorted numbers are smaller than n.
func before(numbers []int, n int) int {
	at, _ := slices.BinarySearch(numbers, n)
	return at
}
