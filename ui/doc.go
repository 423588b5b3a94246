// Package ui is ctop's console: a bubbletea model that shows what a [Reader] has
// and hands acts to a [flow.Actor].
//
// [New] makes one console. Run it with the alternate screen and with mouse
// events of the cell-motion kind:
//
//	tea.NewProgram(ui.New(reader, ui.WithActor(actor)), tea.WithAltScreen(), tea.WithMouseCellMotion())
//
// The console polls its reader at a fixed interval and draws at most that often
// without being asked; nothing is sent to it for a packet, a flow or an event.
// Every console has its own renderer, so one may serve the local terminal and
// others SSH sessions at the same time, all from one reader.
//
// What costs more the more flows there are, filtering, sorting, grouping and
// counting, runs in commands outside the program's loop, on snapshots that
// nobody changes; package order does it. A frame formats only what can be seen.
//
// The model that [tea.Program.Run] returns knows what the operator has chosen
// ([Model.Settings]); [WithSettings] begins with it the next time.
package ui
