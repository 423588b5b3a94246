package page

import (
	"net/netip"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/internal/names"
	"ctop/tracker/flow"
	"ctop/ui/ended"
	"ctop/ui/keys"
	"ctop/ui/theme"
)

// Frame is the state that the pages of one console share: the snapshots and how they
// are shown, the open pages and dialogs, and the footer. Only the console's goroutine
// may use it.
type Frame struct {
	Theme theme.Theme
	Keys  *keys.Map
	Names *names.Book
	Clock func() time.Time

	// Inspect looks at a flow more closely. It is nil if there is nothing to see. It
	// runs off the console's goroutine.
	Inspect func(flow.Ref) (flow.Inspection, error)
	// Everywhere asks all hosts of a fleet for a conversation. It is nil elsewhere. It
	// runs off the console's goroutine.
	Everywhere func(Everywhere) (s *flow.Snapshot, trouble string, err error)
	// Away says that a host of a fleet is not there, empty if it is. It is nil
	// elsewhere.
	Away func(host string) string
	// FlowPage makes the page of a flow.
	FlowPage func(*flow.Flow) Page
	// Refresh looks at the source without waiting for the next time.
	Refresh func() tea.Cmd
	// Press hands a key to whatever takes keys now.
	Press func(tea.KeyMsg) tea.Cmd
	// Refuse returns the error of an act that the operator may not do. It is
	// nil if everything is allowed.
	Refuse func(Attempt) error

	// Width and Height are those of the screen.
	Width, Height int

	// Now is the time of the last look at the source. Drawing uses no other
	// clock.
	Now time.Time
	// Latest is the newest snapshot, Target the next one to show, and Shown the
	// one on the screen. While flows are sorted, Shown is older than Target.
	// While the console is paused, Target is older than Latest.
	Latest, Target, Shown *flow.Snapshot
	Paused                bool
	PausedAt              time.Time
	// Past is set while an earlier snapshot is shown, of the time PausedAt. The
	// console is paused then.
	Past bool
	// Missed counts the events that arrived too fast to be shown.
	Missed uint64
	// Present names the other operators who have a console open.
	Present []string
	// Filters are the filters that were typed, the latest first.
	Filters []string
	// Unit is what rates count.
	Unit format.RateUnit
	// Ended are the flows that have ended.
	Ended ended.Flows
	// Log is the log of events.
	Log Log

	// HostsHere is the number of hosts of a fleet that are there.
	HostsHere int
	// Asking says whom the console waits for, empty if the flows are there.
	Asking string

	filter filter.Filter
	// mark is what the flows may be compared with, nil if there is none; comparing is
	// set if they are.
	mark      *mark
	comparing bool

	tabs []Tab
	open int
	over []Page
	// trail lists the places where drill-downs began.
	trail []step

	dialog, above Dialog
	status        status
}

// Everywhere is a question for the flows of one conversation: those with the tuple of a
// flow, or with the one that it has on the other side of a translation.
type Everywhere struct {
	Flow  flow.Flow
	Other *flow.Tuple
}

// Log answers questions about past events.
type Log interface {
	// Of returns the events of one flow, oldest first.
	Of(id flow.ID) []flow.Event
	// Opened returns the source of every flow that began since a moment.
	Opened(since time.Time) []netip.Addr
}

// AsOf returns the moment that the console shows.
func (f *Frame) AsOf() time.Time {
	if f.Paused {
		return f.PausedAt
	}
	return f.Now
}

// Since returns how old the snapshot on the screen was at that moment.
func (f *Frame) Since() time.Duration {
	if f.Shown == nil {
		return 0
	}
	return max(f.AsOf().Sub(f.Shown.Time), 0)
}

// SinceLatest returns how old the newest snapshot is.
func (f *Frame) SinceLatest() time.Duration {
	if f.Latest == nil {
		return 0
	}
	return max(f.Now.Sub(f.Latest.Time), 0)
}

// TogglePause freezes the screen, or resumes with the newest snapshot.
func (f *Frame) TogglePause() tea.Cmd {
	before := f.Shown
	f.Paused, f.Past = !f.Paused, false
	if f.Paused {
		f.Target, f.PausedAt = f.Shown, f.Now
	} else {
		f.Target = f.Latest
	}
	return f.Broadcast(PauseChanged{Before: before})
}

// NextUnit changes what rates count.
func (f *Frame) NextUnit() tea.Cmd {
	f.Unit = f.Unit.Next()
	f.Tell("rates in " + f.Unit.String() + " per second")
	return f.Broadcast(UnitChanged{})
}

// Emptiness returns the reason why no flow is shown.
func (f *Frame) Emptiness() string {
	switch {
	case f.Shown == nil && f.Latest != nil:
		return "sorting " + format.Plural(len(f.Latest.Flows), "flow")
	case f.Shown == nil:
		return "waiting for the first snapshot"
	case f.Asking != "":
		return f.Asking
	case f.mark == nil && f.filter.WantsChanges():
		return "there is no mark to compare with: " + keys.ShortName(f.Keys.SetMark) + " sets one; Esc clears the filter"
	case f.Comparing() && f.filter.Empty():
		return "nothing came, went or changed since " + f.MarkName() + "; " + keys.ShortName(f.Keys.Compare) + " shows all flows"
	case !f.filter.Empty() && len(f.Shown.Flows) > 0:
		return "none of " + format.Plural(len(f.Shown.Flows), "flow") + " passes the filter; Esc clears it"
	case f.Past:
		return "there were no flows then"
	case !f.filter.Empty() && f.Shown.OfFleet():
		return "no flow passes the filter; Esc clears it"
	case f.Shown.OfFleet():
		return "no host has flows yet"
	}
	where := " between "
	if f.Shown.Watches() {
		where = " at "
	}
	return "no flows yet: they appear with the first packet" + where + InterfaceNames(f.Shown)
}

// Empty draws the text of a page without lines.
func (f *Frame) Empty(text string) []string {
	return []string{"", "  " + f.Theme.Dim.Render(text)}
}

// InterfaceNames names both interfaces of a snapshot.
func InterfaceNames(s *flow.Snapshot) string {
	return format.Clean(s.Place())
}

// LinesBelow returns the fact that n lines are below the screen, nothing if none is.
func LinesBelow(n int) []string {
	if n <= 0 {
		return nil
	}
	return []string{"↓ " + format.Plural(n, "more line")}
}

// Fraction returns the number of shown items and of all items.
func Fraction(shown, all int) string {
	return format.Count(shown) + "/" + format.Count(all)
}
