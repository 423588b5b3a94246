package theme

import "github.com/charmbracelet/lipgloss"

// Importing bubbletea asks the terminal for its background, in every command
// that only might open a console: its answer lands in the output of others, and
// where there is none every command takes five seconds. Saying here what the
// default renderer would ask for keeps it quiet. This package is initialised
// first because its path sorts before bubbletea's (Go 1.21 and newer) and it
// does not import it. A console asks for itself, with its own renderer.
func init() {
	lipgloss.SetHasDarkBackground(true)
}
