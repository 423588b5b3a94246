package theme

import (
	"regexp"
	"strings"

	"ctop/internal/format"
)

// plainSigns are the signs for a terminal that has ASCII only, each as wide as what it
// stands for.
var plainSigns = strings.NewReplacer(
	"→", ">", "←", "<", "⇄", "=", "↑", "^", "↓", "v", "▲", "^", "▼", "v",
	"·", ".", "–", "-", "−", "-", "…", "~", "×", "x", "±", "+", "≤", "<",
	"▌", ">", "●", "*", "▏", "|", "▕", "|",
	"█", "#", "▉", "#", "▊", "#", "▋", "#", "▍", "|", "▎", "|",
	"▁", "_", "▂", ".", "▃", "-", "▄", "=", "▅", "+", "▆", "*", "▇", "*",
	"━", "=", "╸", "-", "─", "-", "│", "|", "┌", "+", "┐", "+", "└", "+", "┘", "+",
)

// enterSign is the one sign that takes more room: the name of a key.
const enterSign, enterName = "⏎", "Enter"

// enterPadded is the sign in a column that has room for the name, with the style's end
// between them.
var enterPadded = regexp.MustCompile(enterSign + `((?:\x1b\[[0-9;]*m)*) {5}`)

// ASCII returns a line of the screen for a terminal that has ASCII only, no wider than
// the given width. What is from outside and not ASCII becomes question marks.
func ASCII(line string, width int) string {
	if n := strings.Count(line, enterSign); n > 0 {
		line = enterPadded.ReplaceAllString(line, enterName+"$1 ")
		n = strings.Count(line, enterSign)
		over := format.Width(line) + n*(len(enterName)-1) - width
		line = squeeze(strings.ReplaceAll(line, enterSign, enterName), over)
	}
	line = plainSigns.Replace(line)
	var b strings.Builder
	for _, r := range line {
		if r < 0x80 {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Repeat("?", format.Width(string(r))))
	}
	return b.String()
}

// squeeze takes a number of blanks away where many follow each other.
func squeeze(line string, over int) string {
	for _, many := range [...]string{"     ", "   "} {
		for at := strings.LastIndex(line, many); over > 0 && at >= 0; at = strings.LastIndex(line, many) {
			line = line[:at] + line[at+1:]
			over--
		}
	}
	return line
}

// HasUnicode reports whether a terminal can show more than ASCII, by its type, and by the
// locale as of LC_ALL, LC_CTYPE and LANG. An empty locale says nothing.
func HasUnicode(term string, locale ...string) bool {
	for _, prefix := range []string{"vt1", "vt2", "vt3", "vt4", "vt5", "linux", "dumb", "cons25"} {
		if strings.HasPrefix(term, prefix) {
			return false
		}
	}
	for _, l := range locale {
		if l != "" {
			_, charset, _ := strings.Cut(strings.ToLower(l), ".")
			return strings.HasPrefix(charset, "utf-8") || strings.HasPrefix(charset, "utf8")
		}
	}
	return true
}
