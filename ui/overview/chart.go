package overview

import (
	"strings"

	"ctop/internal/format"
)

// chart draws values as columns of the given height. The highest value has full
// height.
func chart(values []float64, width, height int) []string {
	top := 0.0
	for _, v := range values {
		top = max(top, v)
	}
	lines := make([]string, height)
	for row := range lines {
		var b strings.Builder
		b.WriteString(format.Blank(width - len(values)))
		floor := float64(height - 1 - row)
		for _, v := range values {
			b.WriteString(cell(v, top, floor, float64(height)))
		}
		lines[row] = b.String()
	}
	return lines
}

var eighths = [...]string{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}

// cell returns the character of a column at one line of the chart. A value
// above zero is always visible.
func cell(v, top, floor, height float64) string {
	steps := 0
	if top > 0 {
		// The conversion keeps arm64 from rounding once for both operations, and so from
		// drawing another chart.
		steps = int((float64(v/top*height) - floor) * 8)
	}
	if v > 0 && floor == 0 {
		steps = max(steps, 1)
	}
	return eighths[min(max(steps, 0), 8)]
}

// highest returns the largest value.
func highest(values []float64) (top float64) {
	for _, v := range values {
		top = max(top, v)
	}
	return top
}
