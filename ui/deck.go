package ui

import (
	"strconv"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// Deck plays a recording. Its methods must be safe for concurrent use, and return at once.
type Deck interface {
	// Hold stops playing, or goes on. Held reports whether it was stopped.
	Hold(stopped bool)
	Held() bool
	// Skip plays at once what comes up to the next snapshot, and for some time. It
	// reports whether anything comes.
	Skip(d time.Duration) (more bool)
	// Faster multiplies the speed, and returns it. It is zero if nothing plays.
	Faster(by float64) (speed float64)
}

// WithDeck lets the console steer a recording: it stops while the console is paused.
func WithDeck(d Deck) Option {
	return func(o *options) { o.deck = d }
}

// handleDeckKey takes the keys that steer a recording.
func (m *root) handleDeckKey(msg tea.KeyMsg) (cmd tea.Cmd, ok bool) {
	f, k, deck := m.frame, m.frame.Keys, m.options.deck
	switch {
	case key.Matches(msg, k.Slower):
		m.changeSpeed(0.5)
	case key.Matches(msg, k.Faster):
		m.changeSpeed(2)
	case deck == nil:
		return nil, false
	case key.Matches(msg, k.Pause) && deck.Held() && !f.Paused:
		deck.Hold(false)
	case key.Matches(msg, k.Later) && !f.Past:
		return m.ahead(0), true
	case key.Matches(msg, k.MuchLater) && !f.Past:
		return m.ahead(time.Minute), true
	default:
		return nil, false
	}
	return nil, true
}

// changeSpeed plays the recording at another speed.
func (m *root) changeSpeed(by float64) {
	f := m.frame
	if m.options.deck == nil {
		f.Tell("only a recording has a speed: ctop replay --speed 1 FILE")
		return
	}
	speed := m.options.deck.Faster(by)
	if speed == 0 {
		f.Tell("nothing plays: ctop replay --speed 1 FILE does")
		return
	}
	f.Tell("speed " + strconv.FormatFloat(speed, 'g', 4, 64))
}

// ahead shows what comes next in the recording, which then stops.
func (m *root) ahead(by time.Duration) tea.Cmd {
	deck := m.options.deck
	if !deck.Skip(by) {
		m.frame.Tell("this is the end of the recording: " + m.frame.Keys.Earlier.Help().Key + " goes back in time")
		return nil
	}
	deck.Hold(true)
	if m.frame.Paused {
		return m.frame.TogglePause()
	}
	return m.frame.Refresh()
}

// steer stops the recording while the console is paused. It comes after every key.
func (m *root) steer(paused bool) {
	if m.options.deck != nil && m.frame.Paused && !paused {
		m.options.deck.Hold(true)
	}
}

// release lets the recording go on, when the console goes on.
func (m *root) release() {
	if m.options.deck != nil {
		m.options.deck.Hold(false)
	}
}
