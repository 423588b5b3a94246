package ui

import (
	"slices"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// handleFleetKey says of keys that a fleet does not have where they are.
func (m *root) handleFleetKey(msg tea.KeyMsg) (cmd tea.Cmd, ok bool) {
	if m.options.fleet == nil {
		return nil, false
	}
	k := m.frame.Keys
	switch {
	case pressed(msg, k.Capture, k.CaptureAll):
		m.frame.Tell("packets are captured at " + m.hostOrEach() + ": w in its own console, or ctop capture there")
	case pressed(msg, k.SetMark, k.Compare):
		m.frame.Tell("a fleet has the first flows of each host: the console of a host compares all of its own")
	case pressed(msg, k.Earlier, k.MuchEarlier, k.Later, k.MuchLater):
		m.frame.Tell("a fleet shows the present: the console of " + m.hostOrEach() + " goes back in time")
	default:
		return nil, false
	}
	return nil, true
}

// pressed reports whether a key is one of some that are disabled.
func pressed(msg tea.KeyMsg, bindings ...key.Binding) bool {
	return slices.ContainsFunc(bindings, func(b key.Binding) bool {
		return !b.Enabled() && slices.Contains(b.Keys(), msg.String())
	})
}

// hostOrEach names the host of the selected flow.
func (m *root) hostOrEach() string {
	if of, s := m.flows.Selected(), m.frame.Shown; of != nil && s != nil && int(of.In) < len(s.Interfaces) && s.Interfaces[of.In].Host != "" {
		return s.Interfaces[of.In].Host
	}
	return "each host"
}
