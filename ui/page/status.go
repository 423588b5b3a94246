package page

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/ui/theme"
)

// shownFor is how long a message stays in the footer unless a key is pressed.
const shownFor = 6 * time.Second

// status is a message in the footer.
type status struct {
	text  string
	style theme.Style
	until time.Time
}

// Tell shows in the footer what was done.
func (f *Frame) Tell(text string) { f.say(text, f.Theme.Notice) }

// Warn shows in the footer what could not be done.
func (f *Frame) Warn(text string) { f.say(text, f.Theme.Alert) }

// Warnings for keys that have nothing to act on.
const noFlow = "there is no flow here"

// WarnNoFlow answers a key that is for a flow if there is none.
func (f *Frame) WarnNoFlow() { f.Warn(noFlow) }

func (f *Frame) say(text string, style theme.Style) {
	f.status = status{text: format.Clean(text), style: style, until: f.Now.Add(shownFor)}
}

// Said returns the message in the footer, empty if there is none.
func (f *Frame) Said() string { return f.status.text }

// Hush removes the message from the footer.
func (f *Frame) Hush() { f.status = status{} }

// ExpireStatus removes a message that has been in the footer for long enough.
func (f *Frame) ExpireStatus() {
	if f.Now.After(f.status.until) {
		f.Hush()
	}
}

// Report shows what became of something that the operator asked for, and looks at
// the source to show what it has changed.
func (f *Frame) Report(text string, err error) tea.Cmd {
	if err != nil {
		f.Warn(err.Error())
	} else {
		f.Tell(text)
	}
	return f.Refresh()
}

// FooterLine shows the message, or hints if there is none.
func (f *Frame) FooterLine(hints, last []Hint) string {
	if f.status.text != "" {
		return " " + f.status.style.Render(format.Cut(f.status.text, f.Width-2))
	}
	return HintLine(f.Theme, f.Width, f.allowed(hints), last)
}
