package page

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/ui/theme"
)

// shownFor is the time after which a message leaves the footer. A key removes it
// earlier.
const shownFor = 6 * time.Second

// status is a message in the footer. Its time counts from the first look at the source
// after it, because the look before may be long ago on a busy machine or a slow line.
type status struct {
	text  string
	style theme.Style
	since time.Time
}

// Tell shows a message about a success in the footer.
func (f *Frame) Tell(text string) { f.say(text, f.Theme.Notice) }

// Warn shows a message about a failure in the footer.
func (f *Frame) Warn(text string) { f.say(text, f.Theme.Alert) }

// Warnings for keys that have nothing to act on.
const noFlow = "there is no flow here"

// WarnNoFlow answers a key that needs a flow if none is selected.
func (f *Frame) WarnNoFlow() { f.Warn(noFlow) }

func (f *Frame) say(text string, style theme.Style) {
	f.status = status{text: format.Clean(text), style: style}
}

// Said returns the message in the footer, empty if there is none.
func (f *Frame) Said() string { return f.status.text }

// Hush removes the message from the footer.
func (f *Frame) Hush() { f.status = status{} }

// ExpireStatus removes a message that has been in the footer for long enough. It is
// called at each look at the source.
func (f *Frame) ExpireStatus() {
	switch s := &f.status; {
	case s.since.IsZero():
		s.since = f.Now
	case f.Now.Sub(s.since) > shownFor:
		f.Hush()
	}
}

// Report shows the result of the operator's act, and looks at the source to show its
// effect.
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
