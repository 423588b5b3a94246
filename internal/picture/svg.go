package main

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// Sizes in pixels.
const (
	cellWidth  = 8.0
	cellHeight = 17.0
	fontSize   = 13
	baseline   = 13.0
	lineHeight = 3.0
	margin     = 14.0
)

// palette has the sixteen colours of a terminal, its foreground and background.
type palette struct {
	fore, back string
	colours    [16]string
}

var (
	dark = palette{"#d5d8de", "#15181e", [16]string{
		"#2b303b", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#abb2bf",
		"#6b7280", "#ff7b86", "#b5e08f", "#ffd68a", "#7cc4ff", "#d99af0", "#6fd3e0", "#ffffff",
	}}
	light = palette{"#24292f", "#fbfbfa", [16]string{
		"#24292f", "#b3261e", "#1a7f37", "#8a5a00", "#0550ae", "#8250df", "#1b7c83", "#6e7781",
		"#57606a", "#cf222e", "#2da44e", "#9a6700", "#218bff", "#a475f9", "#3192aa", "#8c959f",
	}}
)

// svg draws a screen.
func svg(rows [][]cell, p palette, title string) string {
	width, height := 2*margin, float64(len(rows))*cellHeight+2*margin
	if len(rows) > 0 {
		width += float64(len(rows[0])) * cellWidth
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n", escape(title))
	fmt.Fprintf(&b, `<rect width="%g" height="%g" rx="8" fill="%s"/>`+"\n", width, height, p.back)
	fmt.Fprintf(&b, `<g font-family="ui-monospace,'DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,monospace" font-size="%d" xml:space="preserve">`+"\n", fontSize)
	for y, row := range rows {
		drawRow(&b, row, p, margin+float64(y)*cellHeight)
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

// drawRow draws runs of equal cells: first their background, then their text.
func drawRow(b *strings.Builder, row []cell, p palette, top float64) {
	for from := 0; from < len(row); {
		to := from + 1
		for to < len(row) && row[to].style == row[from].style && isBlock(row[to].text) == isBlock(row[from].text) {
			to++
		}
		drawRun(b, row[from:to], p, margin+float64(from)*cellWidth, top)
		from = to
	}
}

func drawRun(b *strings.Builder, run []cell, p palette, left, top float64) {
	fore, back := p.of(run[0].style)
	width := float64(len(run)) * cellWidth
	if back != p.back {
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s" shape-rendering="crispEdges"/>`+"\n", left, top, width, cellHeight, back)
	}
	if isBlock(run[0].text) {
		drawBlocks(b, run, left, top, fore)
		return
	}
	drawText(b, run, left, top, fore)
}

// drawText draws each word at its own position, since the width of fonts
// differs.
func drawText(b *strings.Builder, run []cell, left, top float64, fore string) {
	look := attributes(run[0].style)
	for from := 0; from < len(run); {
		if run[from].text == " " {
			from++
			continue
		}
		to := from
		var word strings.Builder
		for to < len(run) && run[to].text != " " {
			word.WriteString(run[to].text)
			to++
		}
		x, width := left+float64(from)*cellWidth, float64(to-from)*cellWidth
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" textLength="%.1f" lengthAdjust="spacingAndGlyphs" fill="%s"%s>%s</text>`+"\n",
			x, top+baseline, width, fore, look, escape(word.String()))
		from = to
	}
}

func attributes(s style) string {
	text := ""
	if s.bold {
		text += ` font-weight="bold"`
	}
	if s.italic {
		text += ` font-style="italic"`
	}
	if s.dim {
		text += ` opacity="0.6"`
	}
	switch {
	case s.struck:
		text += ` text-decoration="line-through"`
	case s.under:
		text += ` text-decoration="underline"`
	}
	return text
}

// of returns the colours of a cell.
func (p palette) of(s style) (fore, back string) {
	fore, back = p.fore, p.back
	if s.fore >= 0 {
		fore = p.colours[s.fore]
	}
	if s.back >= 0 {
		back = p.colours[s.back]
	}
	if s.reverse {
		fore, back = back, fore
	}
	return fore, back
}

// Block elements are drawn as rectangles: no font joins them without gaps.
const (
	lowerBlocks = "▁▂▃▄▅▆▇█"
	leftBlocks  = "▏▎▍▌▋▊▉"
	fullBlock   = "█"
	rightEighth = "▕"
	line        = "━"
	halfLine    = "╸"
)

func isBlock(text string) bool {
	return strings.Contains(lowerBlocks+leftBlocks+rightEighth+line+halfLine, text)
}

// drawBlocks draws consecutive full blocks as one.
func drawBlocks(b *strings.Builder, run []cell, left, top float64, fore string) {
	for i := 0; i < len(run); {
		n := 1
		for joins(run[i].text) && i+n < len(run) && run[i+n].text == run[i].text {
			n++
		}
		drawBlock(b, run[i].text, left+float64(i)*cellWidth, top, float64(n)*cellWidth, fore, run[0].dim)
		i += n
	}
}

// joins reports whether a block fills the width of its cell.
func joins(text string) bool { return text == fullBlock || text == line }

func drawBlock(b *strings.Builder, text string, left, top, width float64, fore string, dim bool) {
	x, y, w, h := left, top, width, cellHeight
	switch {
	case text == rightEighth:
		w = cellWidth / 8
		x = left + cellWidth - w
	case text == line || text == halfLine:
		h = lineHeight
		y = top + (cellHeight-h)/2
		if text == halfLine {
			w /= 2
		}
	case strings.Contains(leftBlocks, text):
		w = cellWidth * float64(order(leftBlocks, text)) / 8
	default:
		h = cellHeight * float64(order(lowerBlocks, text)) / 8
		y = top + cellHeight - h
	}
	opacity := ""
	if dim {
		opacity = ` opacity="0.5"`
	}
	fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"%s shape-rendering="crispEdges"/>`+"\n", x, y, w, h, fore, opacity)
}

// order is the index of a block among its kind, from 1.
func order(kind, text string) int {
	return len([]rune(kind[:strings.Index(kind, text)])) + 1
}

func escape(text string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(text)); err != nil {
		return ""
	}
	return b.String()
}
