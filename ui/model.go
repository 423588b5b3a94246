package ui

import (
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/internal/names"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/chooser"
	"ctop/ui/confirm"
	"ctop/ui/detail"
	"ctop/ui/events"
	"ctop/ui/help"
	"ctop/ui/overview"
	"ctop/ui/prompt"
	"ctop/ui/table"
	"ctop/ui/talkers"
	"ctop/ui/theme"
	"ctop/ui/timeouts"
)

// view is a page that a tab leads to.
type view uint8

const (
	viewFlows view = iota
	viewEvents
	viewTalkers
	viewOverview
	viewTimeouts
)

// mode says what keys mean.
type mode uint8

const (
	modeNormal mode = iota
	modeFilter
	modeSort
	modeColumns
	modeEdit
	modeDetail
	modeConfirm
	modeHelp
)

// work is counting that goes on elsewhere, never more than one at a time. wish
// counts what the operator wanted of it.
type work struct {
	wish           int
	working, stale bool
	// after is when it may be done again for the sake of a newer snapshot.
	after time.Time
}

// idleShare is how much longer than it worked a count rests, so that a million
// flows do not keep a core busy. What the operator asks for does not wait.
const idleShare = 3

// Model is one console.
type Model struct {
	source  Reader
	options options
	theme   theme.Theme
	keys    KeyMap
	width   int
	height  int

	view view
	mode mode
	// back is the mode that a question or the help returns to.
	back mode

	// now is when the source was last looked at. Nothing else tells the time.
	now        time.Time
	generation int
	position   uint64
	// missed counts events that came too fast to be shown.
	missed uint64
	// company is who else is on, and up to where their notices were read.
	company companyPoll
	// latest is the newest snapshot, target the one that is to be shown and
	// shown the one that is. They differ while rows are being arranged and
	// while the console is paused.
	latest, target, shown *flow.Snapshot
	// present is how many flows are shown, without those that have ended.
	present int
	// gap is the time between the last two snapshots.
	gap      time.Duration
	paused   bool
	pausedAt time.Time

	filter       filter.Filter
	filterBefore filter.Filter
	filterError  *filter.Error
	// ways are what the word being typed could be completed to.
	ways     []string
	input    prompt.Model
	by       order.By
	byBefore order.By
	unit     format.RateUnit
	// wish counts the operator's changes to what is shown. arranging is set
	// while rows are being arranged, stale when they have to be once more.
	wish      int
	arranging bool
	stale     bool
	// restUntil is when rows may be arranged again without a wish.
	restUntil time.Time

	// trail is where drill-downs came from.
	trail []step
	// columnsBefore are the columns before they were chosen anew.
	columnsBefore []string

	grouping order.Grouping
	groupBy  order.GroupBy
	talk     work
	// counting is the snapshot whose flows were counted last.
	counting *flow.Snapshot

	// ended are flows that ended a moment ago, past those that did a while
	// ago, oldest first.
	ended  map[flow.ID]ending
	past   []ending
	marked map[flow.ID]flow.Ref
	// given is the last timeout that a flow was given, until a snapshot
	// shows it.
	given given

	// copied is what the copy key did last, deleted what may come back.
	copied  copied
	deleted deletion
	names   *names.Book

	flows    table.Model
	log      events.Model
	talkers  talkers.Model
	overview overview.Model
	chooser  chooser.Model
	limits   timeouts.Model
	detail   detail.Model
	traces   detail.Traces
	help     help.Model
	question confirm.Model
	leaving  leaving
	status   status
	// greeting is said with the first snapshot.
	greeting string
}

// New returns a console that shows what a reader has.
func New(source Reader, opts ...Option) Model {
	o := newOptions(opts)
	if o.actor == nil && o.refuse == nil {
		o.refuse = func(Attempt) error { return errShownOnly }
	}
	t := theme.New(o.profile(), o.noColor, o.light())
	book := names.New(o.resolver)
	m := Model{
		source: source, options: o, theme: t, keys: DefaultKeyMap(), names: book,
		by:      order.By{Key: firstSort, Desc: true},
		groupBy: order.GroupBy{Sort: order.GroupRate, Desc: true},
		ended:   map[flow.ID]ending{},
		marked:  map[flow.ID]flow.Ref{},
		flows:   table.New(t, book), log: events.New(t), limits: timeouts.New(t),
		talkers: talkers.New(t, book), overview: overview.New(t),
		now: o.clock(),
	}
	m.keys.Export.SetEnabled(o.export != nil || o.exportElsewhere != nil)
	if o.export == nil {
		m.keys.Export.SetHelp("e", "the command that exports")
	}
	m.keys.Suspend.SetEnabled(o.suspends)
	for _, k := range []*key.Binding{&m.keys.Stop, &m.keys.Keep, &m.keys.Stay} {
		k.SetEnabled(o.ending != nil)
	}
	m.help = help.New(t, m.keys.sections(m.view))
	m.flows.SetMarked(m.marked)
	m.apply(o.settings)
	m.begin(o.sort)
	m.filter = o.filter
	m.log.SetFilter(o.filter)
	return m
}

// Init looks at the source for the first time.
func (m Model) Init() tea.Cmd {
	return m.poll()
}
