package page

import (
	"strings"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// blockWidth is the least width of a column of blocks.
const blockWidth = 40

// Block is a group of lines under a title.
type Block struct {
	Title string
	Lines []string
}

// Beside arranges blocks in as many columns as fit into a width.
func (f *Frame) Beside(blocks []Block, width int) []string {
	count := min(max(width/blockWidth, 1), 3)
	width /= count
	columns := make([][]string, count)
	for i, b := range blocks {
		at := i % count
		columns[at] = append(columns[at], " "+f.Theme.Head.Render(strings.ToUpper(b.Title)))
		for _, line := range b.Lines {
			columns[at] = append(columns[at], "  "+format.Cut(line, width-3))
		}
		columns[at] = append(columns[at], "")
	}
	return format.Columns(columns, width)
}

// Fact returns the line of a block that gives a value its name.
func Fact(name, value string) string { return format.Left(name, 16) + value }

// StateLines returns the lines of a block that counts flows by their state, and shows each
// count's share of all.
func StateLines(byState []int, all int) (lines []string) {
	for _, state := range flow.States() {
		n := byState[state]
		share := float64(n) / float64(max(all, 1))
		lines = append(lines, format.Left(state.String(), 12)+format.Right(format.Count(n), 10)+"  "+format.Bar(share, 12))
	}
	return lines
}
