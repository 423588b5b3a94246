package history

import "ctop/tracker/flow"

// lookAhead is how far a flow is looked for behind the place where it is expected.
const lookAhead = 16

// match returns for each flow its index among the flows before, or -1. Both lists have the
// order of the table, so most flows are where they are expected. The others are found by
// their ids.
func match(before, now []flow.Flow) []int32 {
	at := make([]int32, len(now))
	next, strays := 0, 0
	for i := range now {
		at[i] = -1
		for j := next; j < min(next+lookAhead, len(before)); j++ {
			if same(&before[j], &now[i]) {
				at[i], next = int32(j), j+1
				break
			}
		}
		if at[i] < 0 {
			strays++
		}
	}
	if strays > 0 {
		findStrays(before, now, at)
	}
	return at
}

// same reports whether two flows are the same one at different times.
func same(a, b *flow.Flow) bool { return a.ID == b.ID && a.Tuple == b.Tuple }

// findStrays finds flows that are far from where they were expected, among those that no
// other flow has.
func findStrays(before, now []flow.Flow, at []int32) {
	taken := make([]bool, len(before))
	for _, j := range at {
		if j >= 0 {
			taken[j] = true
		}
	}
	left := map[flow.ID]int32{}
	for j := range before {
		if !taken[j] {
			left[before[j].ID] = int32(j)
		}
	}
	for i := range now {
		if at[i] >= 0 || len(left) == 0 {
			continue
		}
		if j, ok := left[now[i].ID]; ok && same(&before[j], &now[i]) {
			at[i] = j
			delete(left, now[i].ID)
		}
	}
}

// writeRuns writes which flows of the snapshot before are taken over, and in which order.
// A run is a distance from the end of the run before, its length, and a number of new
// flows behind it.
func writeRuns(w *writer, at []int32) {
	next := int32(0)
	for i := 0; i < len(at); {
		begin, first := int32(0), i
		if at[i] >= 0 {
			begin = at[i] - next
		}
		for i < len(at) && at[i] >= 0 && at[i] == at[first]+int32(i-first) {
			i++
		}
		copied := i - first
		for i < len(at) && at[i] < 0 {
			i++
		}
		w.int(colRuns, int64(begin))
		w.uint(colRuns, uint64(copied))
		w.uint(colRuns, uint64(i-first-copied))
		next += begin + int32(copied)
	}
}

// readRuns is the reverse of writeRuns, for n flows.
func readRuns(r *reader, n int) []int32 {
	at := make([]int32, 0, n)
	next := int64(0)
	for len(at) < n {
		next += r.int(colRuns)
		for range r.uint(colRuns) {
			at = append(at, int32(next))
			next++
		}
		for range r.uint(colRuns) {
			at = append(at, -1)
		}
	}
	return at
}
