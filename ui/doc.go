// Package ui is ctop's console: a bubbletea model that shows what a [Source]
// knows and asks it to act.
//
// [New] makes one console. Run it with the alternate screen and with mouse
// events of the cell-motion kind:
//
//	tea.NewProgram(ui.New(source), tea.WithAltScreen(), tea.WithMouseCellMotion())
//
// The console polls its source at a fixed interval and draws at most that often
// without being asked; nothing is sent to it for a packet, a flow or an event.
// Every console has its own renderer, so one may serve the local terminal and
// others SSH sessions at the same time, all from one source.
package ui
