package conversation

import (
	"slices"
	"time"
)

// groups are disjoint sets of rows. Each row knows whether it is turned against the one
// above it.
type groups struct {
	above  []int32
	turned []bool
	size   []int32
	// ages are how long ago the first and the last of a group began of those whose beginning
	// was seen, by the row that stands for it: none of them has no ages.
	ages [][]time.Duration
}

func newGroups(n int) *groups {
	g := &groups{above: make([]int32, n), turned: make([]bool, n), size: make([]int32, n), ages: make([][]time.Duration, n)}
	for i := range g.above {
		g.above[i], g.size[i] = int32(i), 1
	}
	return g
}

// find returns the row that stands for the group of a row, and whether that is turned
// against it.
func (g *groups) find(row int32) (top int32, turned bool) {
	for g.above[row] != row {
		turned = turned != g.turned[row]
		row = g.above[row]
	}
	return row, turned
}

// join joins the groups of two rows, one of which may be turned against the other.
func (g *groups) join(a, b int32, turned bool) {
	top, first := g.find(a)
	low, second := g.find(b)
	if top == low {
		return
	}
	if g.size[top] < g.size[low] {
		top, low = low, top
	}
	g.above[low], g.turned[low] = top, (first != second) != turned
	g.size[top] += g.size[low]
	g.ages[top] = span(g.ages[top], g.ages[low])
}

// begin notes how long ago a row began.
func (g *groups) begin(row int32, age time.Duration) { g.ages[row] = []time.Duration{age, age} }

// began reports whether the rows of two groups may all have begun at one time.
func (g *groups) began(a, b int32) bool {
	top, _ := g.find(a)
	low, _ := g.find(b)
	ages := span(g.ages[top], g.ages[low])
	return len(ages) == 0 || len(g.ages[top]) == 0 || len(g.ages[low]) == 0 || ages[1]-ages[0] <= skew
}

// span returns the smallest and the largest of two lists, empty if both are.
func span(a, b []time.Duration) []time.Duration {
	all := slices.Concat(a, b)
	if len(all) == 0 {
		return nil
	}
	return []time.Duration{slices.Min(all), slices.Max(all)}
}
