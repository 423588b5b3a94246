package ui

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/names"
	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/detail"
	"ctop/ui/events"
	"ctop/ui/flows"
	"ctop/ui/keys"
	"ctop/ui/leaving"
	"ctop/ui/overview"
	"ctop/ui/page"
	"ctop/ui/talkers"
	"ctop/ui/theme"
	"ctop/ui/timeouts"
	"ctop/ui/trace"
	"ctop/ui/views"
	"ctop/ui/work"
)

// Model is one console. It routes messages to the pages and draws what they return.
// Copies of a Model are the same console.
type Model struct{ *root }

// root is what a console has besides its pages.
type root struct {
	source  Reader
	options options
	frame   *page.Frame
	acts    *acting.Acts
	traces  trace.Traces
	flows   *flows.Page
	log     *events.Page
	leaving *leaving.Dialog
	views   *views.Book
	// left is set once the operator has quit.
	left bool

	// fleet is the state of the fleet at the last look.
	fleet FleetState
	// wanted is what was asked of the fleet last. It is looked at often until hurriedUntil.
	wanted       fleetView
	hurriedUntil time.Time
	// listening is set while the events of a fleet are wanted, listened if they ever were.
	listening, listened bool
	// generation counts the looks at the source that were asked for.
	generation int
	// position is up to where events were read.
	position uint64
	// noticed is up to where the notices of other sessions were read.
	noticed uint64
	// newsRead is up to where news of snapshots were read.
	newsRead uint64
	// gap is the time between the last two snapshots.
	gap time.Duration
	// every is more than 1 on a slow link, where one of so many frames is shown.
	every int
	// names is why the operator's names are not those of the file.
	names string
	// traveling fetches a snapshot of the past.
	traveling *work.Task[*flow.Snapshot]
	// greeting is said with the first snapshot.
	greeting string
	// room is the console that is open over this one, nil if none is. opening is set
	// until it is known whether one opens.
	room    *room
	opening bool
	// busy is set while the extra key does what it does, and again if it was pressed meanwhile.
	busy, again bool
}

// New returns a console that shows what a reader has.
func New(source Reader, opts ...Option) Model {
	o := newOptions(opts)
	if o.actor == nil && o.refuse == nil {
		o.refuse = func(Attempt) error { return acting.ErrShownOnly }
	}
	m := &root{source: source, options: o, frame: &page.Frame{
		Theme: theme.New(o.profile(), o.noColor, o.light()), Keys: o.keys(), Names: names.New(o.resolver),
		Clock: o.clock, Now: o.clock(), Refuse: o.refuse,
	}}
	m.frame.Refresh, m.frame.Press = m.refresh, m.handleKey
	if i, ok := source.(flow.Inspector); ok {
		m.frame.Inspect = func(ref flow.Ref) (flow.Inspection, error) { return i.Inspect(context.Background(), ref) }
	}
	m.joinFleet()
	m.traveling = m.newTravel()
	m.frame.StartFilter(o.filter)
	if o.compared != nil {
		m.frame.CompareWith(o.compared, o.comparedFrom)
	}
	m.acts = acting.New(m.frame, acting.Options{
		Actor: o.actor, Copy: o.renderer.Output().Copy, View: m.viewCommand, NotedElsewhere: o.sessions != nil, Capturer: o.capturer,
	})
	m.addPages()
	m.leaving = leaving.New(m.frame, o.ending)
	m.views = m.newViews()
	m.restore(o.settings)
	m.begin(o.view)
	if !m.flows.SortBy(m.options.sort) {
		m.greeting = m.flows.Greeting()
	}
	return Model{m}
}

// addPages makes the pages, in the order of their tabs. A new page is a line here.
func (m *root) addPages() {
	f := m.frame
	o := m.options
	m.log = events.New(f, m.acts, events.Options{Export: o.exportEvents, ExportElsewhere: o.elsewhere(ExportEvents), Fleet: o.fleet != nil})
	f.Log = m.log
	m.flows = flows.New(f, m.acts, &m.traces, flows.Options{Export: o.export, ExportElsewhere: o.elsewhere(ExportFlows), Several: o.fleet != nil})
	if o.fleet != nil {
		f.SetTabs(m.fleetTabs()...)
	} else {
		f.SetTabs(
			page.Tab{Title: "Flows", Page: m.flows},
			page.Tab{Title: "Events", Page: m.log},
			page.Tab{Title: "Talkers", Page: talkers.New(f, m.acts, talkers.Options{Export: o.exportGroups, ExportElsewhere: o.elsewhere(ExportFlows)})},
			page.Tab{Title: "Overview", Page: overview.New(f)},
			page.Tab{Title: "Timeouts", Key: "t", Page: timeouts.New(f, m.acts)},
		)
	}
	f.FlowPage = func(of *flow.Flow) page.Page { return detail.New(f, m.acts, &m.traces, of) }
}

// keys returns the keys of a console with these options.
func (o options) keys() *keys.Map {
	k := keys.Default()
	k.Export.SetEnabled(o.export != nil || o.exportElsewhere != nil)
	if o.export == nil {
		k.Export.SetHelp("e", "the command that exports")
	}
	k.Suspend.SetEnabled(o.suspends)
	k.SetPast(o.past != nil)
	if o.fleet != nil {
		k.SetPart()
	}
	k.Stop.SetEnabled(o.ending != nil)
	k.Keep.SetEnabled(o.ending != nil)
	k.Stay.SetEnabled(o.ending != nil)
	return k
}

// Init looks at the source for the first time.
func (m Model) Init() tea.Cmd { return m.poll() }
