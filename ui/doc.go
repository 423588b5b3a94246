// Package ui is ctop's console: a bubbletea model that shows what a [Reader] has
// and hands acts to a [flow.Actor].
//
// [New] makes one console. Run it with the alternate screen and with mouse
// events of the cell-motion kind:
//
//	tea.NewProgram(ui.New(reader, ui.WithActor(actor)), tea.WithAltScreen(), tea.WithMouseCellMotion())
//
// The console polls its reader at a fixed interval and draws at most that often
// without being asked. Nothing is sent to it for a packet, a flow or an event. Every
// console has its own renderer, so one may serve the local terminal and others SSH
// sessions at the same time, all from one reader.
//
// This package routes input and draws what frames a page: header, tabs and footer.
// Each page is a package of its own, and so is each dialog; package page has what
// they share. A new page is a line in addPages.
//
// Filtering, sorting, grouping and counting cost more the more flows there are. They
// run off the console's goroutine (package work), on snapshots that nobody changes
// (package order). A frame formats only the lines that can be seen.
//
// The model that [tea.Program.Run] returns knows what the operator has chosen
// ([Model.Settings]), and [WithSettings] begins with it the next time.
package ui
