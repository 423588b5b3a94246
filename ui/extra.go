package ui

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/ui/keys"
	"ctop/ui/work"
)

// Extra is a key that this console alone has. Its key must be none of the others.
type Extra struct {
	// Key is the key, and Does what it does, in the help and in the header.
	Key, Does string
	// Do does it, off the console's goroutine, and returns what the footer says.
	Do func() (string, error)
}

// WithExtra adds a key to the console.
func WithExtra(x Extra) Option {
	return func(o *options) { o.extra = &x }
}

func (x *Extra) binding() key.Binding { return keys.Bind(x.Key, x.Does, x.Key) }

// handleExtraKey takes the key that this console alone has.
func (m *root) handleExtraKey(msg tea.KeyMsg) (cmd tea.Cmd, ok bool) {
	x := m.options.extra
	if x == nil || !key.Matches(msg, x.binding()) {
		return nil, false
	}
	if m.busy {
		m.again = true
		return nil, true
	}
	return m.doExtra(x), true
}

// doExtra does what the extra key does, and once more if it was pressed meanwhile.
func (m *root) doExtra(x *Extra) tea.Cmd {
	m.busy, m.again = true, false
	type done struct {
		said string
		error
	}
	return work.Do(func() done {
		said, err := x.Do()
		return done{said, err}
	}, func(d done) tea.Cmd {
		m.busy = false
		report := m.frame.Report(d.said, d.error)
		if !m.again {
			return report
		}
		return tea.Batch(report, m.doExtra(x))
	})
}
