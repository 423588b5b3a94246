package overview

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"ctop/internal/format"
	"ctop/internal/sick"
)

// sickLines count the sick flows by what is wrong with them, and name the worst.
func (p *Page) sickLines() []string {
	if p.count.Worst == nil {
		return nil
	}
	all := 0
	var kinds []string
	for k := sick.NumKinds - 1; k > 0; k-- {
		if n := p.count.Sick[k]; n > 0 {
			all += n
			kinds = append(kinds, sick.Kind(k).String()+" "+format.Count(n))
		}
	}
	text := format.Count(all) + "   " + strings.Join(kinds, " · ")
	worst := format.Clean(p.count.Worst.Tuple.String()) + ": " + sick.Sentence(p.count.Worst)
	lines := p.labelled("sick", text)
	return append(append(lines, p.labelled("worst", worst)...), "")
}

// labelled draws a text beside a label, on as many lines as it needs.
func (p *Page) labelled(label, text string) []string {
	const indent = 8
	var lines []string
	for line := range strings.SplitSeq(ansi.Wordwrap(text, max(p.Width-indent-2, 10), ""), "\n") {
		lines = append(lines, " "+format.Left(label, indent)+line)
		label = ""
	}
	return lines
}
