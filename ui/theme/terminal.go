package theme

import (
	"strings"

	"github.com/muesli/termenv"
)

// ProfileOf returns what a terminal of the type that TERM names can show. One that
// nobody knows can do what all have done for decades: sixteen colours.
func ProfileOf(term string) termenv.Profile {
	switch {
	case term == "dumb", term == "":
		return termenv.Ascii
	case strings.HasSuffix(term, "-direct"), strings.HasPrefix(term, "xterm-kitty"), strings.HasPrefix(term, "alacritty"):
		return termenv.TrueColor
	case strings.Contains(term, "256color"):
		return termenv.ANSI256
	}
	return termenv.ANSI
}

// Monochrome reports whether a terminal is known to have no colours, but bold
// and reverse.
func Monochrome(term string) bool {
	for _, prefix := range []string{"vt1", "vt2", "vt3", "vt4", "vt5"} {
		if strings.HasPrefix(term, prefix) {
			return true
		}
	}
	return strings.HasSuffix(term, "-mono") || strings.HasSuffix(term, "-m")
}
