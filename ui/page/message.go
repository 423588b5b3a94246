package page

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/tracker/flow"
)

// Messages to the pages' Update. The frame is changed before they are sent.
type (
	// Opened comes to a tab that has come onto the screen.
	Opened struct{}
	// SnapshotTaken comes with a new [Frame.Latest]. Again is set if it
	// repeats the last one, with another warning.
	SnapshotTaken struct{ Again bool }
	// EventsTaken comes with new events.
	EventsTaken struct {
		// All are the new events, oldest first. Shown are the newest of
		// them, as many as can be shown.
		All, Shown []flow.Event
	}
	// NoticesTaken comes with notices for the log of events, oldest first.
	NoticesTaken []Notice
	// Polled comes last after each look at the source.
	Polled struct{}
	// ShownChanged comes with a new [Frame.Shown]. Watched is the flow that a
	// [Watcher] asked for, nil if the snapshot does not have it.
	ShownChanged struct{ Watched *flow.Flow }
	// FilterChanged comes with a new [Frame.Filter].
	FilterChanged struct{}
	// UnitChanged comes with a new [Frame.Unit].
	UnitChanged struct{}
	// NamesChanged comes when names are switched on or off, and when a name was
	// found.
	NamesChanged struct{ Switched bool }
	// PauseChanged comes when the console is paused and when it resumes. Before
	// is the snapshot that was on the screen.
	PauseChanged struct{ Before *flow.Snapshot }
	// PastChanged comes when another time of the past is shown, with a new
	// [Frame.Target].
	PastChanged struct{}
	// MarkChanged comes when the flows are compared with another mark, or no longer.
	MarkChanged struct{}
	// FlowOpened comes when the page of a flow is opened.
	FlowOpened struct{}
)

// Notice reports an operator's act, or an event that concerns no single flow. It is
// shown among the events.
type Notice struct {
	Time time.Time
	Text string
}

// Broadcast sends a message to every page.
func (f *Frame) Broadcast(msg tea.Msg) tea.Cmd {
	var cmds []tea.Cmd
	for _, t := range f.tabs {
		cmds = append(cmds, t.Page.Update(msg))
	}
	for _, p := range f.over {
		cmds = append(cmds, p.Update(msg))
	}
	return tea.Batch(cmds...)
}

// Note writes a line into the log of events.
func (f *Frame) Note(text string) {
	if text != "" {
		f.Broadcast(NoticesTaken{{Time: f.Now, Text: text}})
	}
}
