package console

import (
	"strings"
	"sync"

	tea "github.com/charmbracelet/bubbletea"
)

const (
	// What a client that does not know its size is taken to have.
	defaultColumns, defaultRows = 80, 24
	// What a screen has at most: a client may claim more cells than fit into
	// memory.
	maxColumns, maxRows = 1000, 300
	maxTerminalName     = 64
)

// terminalName returns TERM, or dumb where it is none: the value comes from
// outside.
func terminalName(s string) string {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+._"
	if s == "" || len(s) > maxTerminalName || strings.Trim(s, allowed) != "" {
		return "dumb"
	}
	return s
}

// size is the last size that a client told, and only that: a storm of changes
// costs one drawing.
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
