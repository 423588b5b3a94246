package console

import (
	"strings"
	"sync"

	tea "github.com/charmbracelet/bubbletea"
)

const (
	// The size of a terminal that does not know its own.
	defaultColumns, defaultRows = 80, 24
	// The largest size. A client may claim more cells than fit into memory.
	maxColumns, maxRows = 1000, 300
	maxTerminalName     = 64
)

// terminalName returns the client's TERM, or dumb if that is not a valid name.
func terminalName(s string) string {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+._"
	if s == "" || len(s) > maxTerminalName || strings.Trim(s, allowed) != "" {
		return "dumb"
	}
	return s
}

// size keeps the latest size that the client sent, so that many changes cost one
// redraw.
type size struct {
	mu      sync.Mutex
	last    tea.WindowSizeMsg
	changed chan struct{}
}

func newSize() *size {
	return &size{
		last:    tea.WindowSizeMsg{Width: defaultColumns, Height: defaultRows},
		changed: make(chan struct{}, 1),
	}
}

func (s *size) set(columns, rows uint32) {
	s.mu.Lock()
	s.last = tea.WindowSizeMsg{
		Width: within(columns, defaultColumns, maxColumns), Height: within(rows, defaultRows, maxRows),
	}
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *size) get() tea.WindowSizeMsg {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func within(n uint32, unknown, most int) int {
	if n == 0 {
		return unknown
	}
	return int(min(n, uint32(most)))
}
