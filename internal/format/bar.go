package format

import "strings"

var eighths = [...]string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// Bar returns a bar of width cells filled to the given share, in steps of an
// eighth of a cell. A share above zero is never drawn empty.
func Bar(share float64, width int) string {
	if width <= 0 {
		return ""
	}
	// Without the conversion some machines would round once for both operations.
	steps := int(float64(min(max(share, 0), 1)*float64(width)*8) + 0.5)
	if steps == 0 && share > 0 {
		steps = 1
	}
	bar := strings.Repeat("█", steps/8) + eighths[steps%8]
	return bar + Blank(width-(steps+7)/8)
}

var levels = [...]string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}

// Line is a thin bar for use in many rows, in steps of half a cell.
func Line(share float64, width int) string {
	steps := int(float64(min(max(share, 0), 1)*float64(width)*2) + 0.5)
	if steps == 0 && share > 0 {
		steps = 1
	}
	return strings.Repeat("━", steps/2) + strings.Repeat("╸", steps%2) + Blank(width-(steps+1)/2)
}

// Pulse returns values as a line of columns, scaled to the highest. Zero is blank, so
// that silence is seen in many rows.
func Pulse(values []float64) string {
	top := 0.0
	for _, v := range values {
		top = max(top, v)
	}
	var b strings.Builder
	for _, v := range values {
		if v <= 0 {
			b.WriteByte(' ')
			continue
		}
		b.WriteString(levels[min(int(v/top*float64(len(levels))), len(levels)-1)])
	}
	return b.String()
}

// Spark returns the last width values as a line of columns, scaled to the
// highest. Zero is the lowest column: a gap would look like missing data.
func Spark(values []float64, width int) string {
	if len(values) > width {
		values = values[len(values)-max(width, 0):]
	}
	top := 0.0
	for _, v := range values {
		top = max(top, v)
	}
	var b strings.Builder
	for _, v := range values {
		level := 0
		if top > 0 {
			level = int(v / top * float64(len(levels)-1))
		}
		b.WriteString(levels[min(max(level, 0), len(levels)-1)])
	}
	return b.String()
}
