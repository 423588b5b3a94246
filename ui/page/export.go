package page

import (
	tea "github.com/charmbracelet/bubbletea"

	"ctop/ui/work"
)

// Elsewhere returns the command that exports to the operator's own machine what a filter
// shows, where a console may write no files.
type Elsewhere func(filter string) string

// Export writes to a file in the background, and says what was written where. If write is
// nil, it shows the command that does so elsewhere.
func (f *Frame) Export(what string, write func() (where string, err error), elsewhere Elsewhere) tea.Cmd {
	if write == nil {
		if elsewhere != nil {
			f.Tell("export: " + elsewhere(f.FilterText()))
		}
		return nil
	}
	type written struct {
		where string
		err   error
	}
	return work.Do(func() (w written) {
		w.where, w.err = write()
		return w
	}, func(w written) tea.Cmd {
		return f.Report("wrote "+what+" to "+w.where, w.err)
	})
}
