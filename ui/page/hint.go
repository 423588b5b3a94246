package page

import (
	"slices"

	"ctop/internal/format"
	"ctop/ui/keys"
	"ctop/ui/theme"
)

// HintLine shows as many hints as fit. The hints in last are at the right end, and
// have priority.
func HintLine(t theme.Theme, width int, hints, last []Hint) string {
	right, rightWidth := "", 0
	for _, h := range last {
		text, w := hintText(t, h)
		if rightWidth+w+3 <= width {
			right += "   " + text
			rightWidth += w + 3
		}
	}
	line, used, gap := " ", 1, 0
	for _, h := range hints {
		text, w := hintText(t, h)
		if used+gap+w+rightWidth+1 > width {
			break
		}
		line += format.Blank(gap) + text
		used += gap + w
		gap = 3
	}
	return line + format.Blank(width-used-rightWidth-1) + right
}

func hintText(t theme.Theme, h Hint) (text string, width int) {
	name := keys.ShortName(h.Key)
	if h.denied {
		return t.Dim.Render(name + " " + h.Does), format.Width(name) + 1 + format.Width(h.Does)
	}
	return t.Key.Render(name) + " " + h.Does, format.Width(name) + 1 + format.Width(h.Does)
}

// Denies reports whether the operator may not change anything now: a viewer never may,
// and nobody may in the past.
func (f *Frame) Denies() bool { return f.Refuse != nil || f.Past }

// allowed dims the hints of keys that change something if the operator may not change
// anything. A terminal without styles does not have them, and nobody has disabled ones.
func (f *Frame) allowed(hints []Hint) []Hint {
	hints = slices.DeleteFunc(hints, func(h Hint) bool { return !h.Key.Enabled() && len(h.Key.Keys()) > 0 })
	if !f.Denies() {
		return hints
	}
	if f.Theme.Dim == (theme.Style{}) {
		return slices.DeleteFunc(hints, func(h Hint) bool { return h.Acts })
	}
	for i := range hints {
		hints[i].denied = hints[i].Acts
	}
	return hints
}

// PauseHint names the key that pauses, or goes on.
func (f *Frame) PauseHint() Hint {
	switch {
	case f.Past:
		return Hint{Key: f.Keys.Present, Does: "now"}
	case f.Paused:
		return Hint{Key: f.Keys.Pause, Does: "go on"}
	}
	return Hint{Key: f.Keys.Pause, Does: "pause"}
}
