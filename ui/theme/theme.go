// Package theme holds the console's styles, named by what they mean. They use
// the sixteen colours of the terminal's own palette and nothing that only a
// colour would tell.
package theme

import "github.com/muesli/termenv"

// Style is what to send before and after a text. It is made once, so that a
// cell costs two copies and no computation.
type Style struct {
	open string
}

const reset = "\x1b[0m"

// Render returns the text in the style. The text must not carry styles of its
// own: the first one's end would end this one, too.
func (s Style) Render(text string) string {
	if s.open == "" || text == "" {
		return text
	}
	return s.open + text + reset
}

// On returns the style laid over another one.
func (s Style) On(other Style) Style {
	return Style{open: other.open + s.open}
}

// Theme is every style that the console knows.
type Theme struct {
	// Title is the name of the program and of what a page is about.
	Title Style
	// ActiveTab is the view that is open.
	ActiveTab Style
	// Head is the line of column titles, Sorted the one that sorts.
	Head, Sorted Style
	// Key is a key to press; Dim is what may be overlooked.
	Key, Dim Style
	// Cursor is the selected line, Mark the sign of a marked one.
	Cursor, Mark Style
	// Alert is what is wrong, Warning what is about to be, Notice what was
	// done.
	Alert, Warning, Notice Style
	// Out and In are the two directions in charts.
	Out, In Style
	// Opening, Closing and Ended are the life of a flow; established ones
	// have no style.
	Opening, Closing, Ended Style
}

// attributes of SGR (ECMA-48 8.3.117), and the palette's colours.
const (
	bold      = "\x1b[1m"
	faint     = "\x1b[2m"
	underline = "\x1b[4m"
	reverse   = "\x1b[7m"
	struck    = "\x1b[9m"
	red       = "\x1b[31m"
	green     = "\x1b[32m"
	yellow    = "\x1b[33m"
	blue      = "\x1b[34m"
	magenta   = "\x1b[35m"
	cyan      = "\x1b[36m"
)

// New returns the theme for a terminal. One that can do nothing (TERM=dumb, a
// pipe) gets no escape sequences at all; where colours are unwanted, bold,
// reverse and the like remain.
//
// On a light background yellow and cyan cannot be read: magenta and blue take
// their places.
func New(profile termenv.Profile, noColor, light bool) Theme {
	if profile == termenv.Ascii {
		return Theme{}
	}
	color := func(c string) string {
		if noColor {
			return ""
		}
		return c
	}
	opening, accent := yellow, cyan
	if light {
		opening, accent = magenta, blue
	}
	return Theme{
		Title: Style{bold}, ActiveTab: Style{bold + reverse},
		Head: Style{bold}, Sorted: Style{bold + underline},
		Key: Style{bold + color(accent)}, Dim: Style{faint},
		Cursor: Style{reverse}, Mark: Style{bold + color(accent)},
		Alert: Style{bold + reverse + color(red)}, Warning: Style{bold + color(red)},
		Notice: Style{bold + color(green)},
		Out:    Style{color(accent)}, In: Style{color(green)},
		Opening: Style{color(opening)}, Closing: Style{faint}, Ended: Style{struck},
	}
}
