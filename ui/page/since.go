package page

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/diff"
	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/keys"
)

// MostMarked is how many flows a mark may have. It is kept as long as it is the mark.
const MostMarked = 1 << 18

// mark is a moment or a file with which the flows are compared.
type mark struct {
	*diff.Mark
	// from is the file of the snapshot, empty for a moment.
	from string
	// flows is the room that the mark has among those of all consoles, which release
	// gives back.
	flows   int64
	release func()
	// paused is set if the mark is the moment of a pause, and not one that the operator
	// has chosen.
	paused bool
}

// name says in the header what the flows are compared with.
func (m *mark) name() string {
	if m.from != "" {
		return m.from
	}
	return m.Time().Format(time.TimeOnly)
}

// CompareWith compares the flows with a snapshot of a file from the beginning.
func (f *Frame) CompareWith(s *flow.Snapshot, from string) {
	f.mark, f.comparing = &mark{Mark: diff.NewMark(s, diff.ByAny), from: from}, true
}

// SetMark marks what is shown, to compare it with other times.
func (f *Frame) SetMark() tea.Cmd {
	if f.Shown == nil {
		f.Warn("there is nothing to mark yet")
		return nil
	}
	if n := len(f.Shown.Flows); n > MostMarked {
		f.Warn(format.Count(n) + " flows are too many to keep: a mark has room for " + format.Count(MostMarked))
		return nil
	}
	if !f.markAt(f.Shown, false) {
		f.Warn("the consoles of others have marked as many flows as there is room for")
		return nil
	}
	f.Tell("marked " + f.mark.name() + ": " + keys.ShortName(f.Keys.Compare) + " shows what came, went and changed since")
	if !f.Comparing() {
		return nil
	}
	return f.Broadcast(MarkChanged{})
}

// MarkPause marks what a pause showed, unless the operator has chosen a mark. It reports
// whether that is the mark now.
func (f *Frame) MarkPause(s *flow.Snapshot) bool {
	if s == nil || f.mark != nil && !f.mark.paused {
		return false
	}
	return f.markAt(s, true)
}

// markAt reports whether there is room to mark a snapshot.
func (f *Frame) markAt(s *flow.Snapshot, paused bool) bool {
	n := int64(len(s.Flows))
	if n > MostMarked {
		return false
	}
	before := int64(0)
	if f.mark != nil {
		before = f.mark.flows
	}
	if marked.Add(n)-before > mostMarkedByAll {
		marked.Add(-n)
		return false
	}
	if before > 0 {
		f.mark.release()
	}
	release := sync.OnceFunc(func() { marked.Add(-n) })
	f.mark = &mark{Mark: diff.NewMark(s, diff.ByID), paused: paused, flows: n, release: release}
	runtime.AddCleanup(f.mark, func(release func()) { release() }, release) // the console may end
	return true
}

// marked is the number of flows in the marks of all consoles of this process, at most
// mostMarkedByAll: over SSH there may be many consoles.
var marked atomic.Int64

const mostMarkedByAll = 4 * MostMarked

// ToggleCompare shows on the first tab what came, went and changed since the mark, or all
// flows again.
func (f *Frame) ToggleCompare() tea.Cmd {
	if f.mark == nil {
		f.Warn("there is no mark yet: " + keys.ShortName(f.Keys.SetMark) + " sets one, or a pause does")
		return nil
	}
	var open tea.Cmd
	if f.comparing = !f.comparing; f.comparing && f.open != 0 {
		open = f.OpenTab(0)
	}
	return tea.Batch(open, f.Broadcast(MarkChanged{}))
}

// Comparing reports whether only what came, went or changed is shown.
func (f *Frame) Comparing() bool {
	return f.mark != nil && (f.comparing || f.filter.WantsChanges())
}

// Mark returns the mark with which the flows are compared, nil if they are not.
func (f *Frame) Mark() *diff.Mark {
	if !f.Comparing() {
		return nil
	}
	return f.mark.Mark
}

// MarkName says what the flows are compared with.
func (f *Frame) MarkName() string {
	if f.mark == nil {
		return ""
	}
	return f.mark.name()
}
