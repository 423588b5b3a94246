package ui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/tracker"
	"ctop/ui/confirm"
	"ctop/ui/detail"
	"ctop/ui/events"
	"ctop/ui/filter"
	"ctop/ui/format"
	"ctop/ui/help"
	"ctop/ui/order"
	"ctop/ui/prompt"
	"ctop/ui/table"
	"ctop/ui/theme"
	"ctop/ui/timeouts"
)

// view is a page that a tab leads to.
type view uint8

const (
	viewFlows view = iota
	viewEvents
	viewTimeouts
)

// mode says what keys mean.
type mode uint8

const (
	modeNormal mode = iota
	modeFilter
	modeSort
	modeEdit
	modeDetail
	modeConfirm
	modeHelp
)

// Model is one console.
type Model struct {
	source  Source
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
	// latest is the newest snapshot, target the one that is to be shown and
	// shown the one that is. They differ while rows are being arranged and
	// while the console is paused.
	latest, target, shown *tracker.Snapshot
	// present is how many flows are shown, without those that have ended.
	present int
	// gap is the time between the last two snapshots.
	gap      time.Duration
	paused   bool
	pausedAt time.Time

	filter       filter.Filter
	filterBefore filter.Filter
	filterError  string
	input        prompt.Model
	by           order.By
	byBefore     order.By
	unit         format.RateUnit
	// wish counts the operator's changes to what is shown. arranging is set
	// while rows are being arranged, stale when they have to be once more.
	wish      int
	arranging bool
	stale     bool

	ended  map[tracker.FlowID]ending
	marked map[tracker.FlowID]tracker.Ref
	// given is the last timeout that a flow was given, until a snapshot
	// shows it.
	given given

	flows    table.Model
	log      events.Model
	limits   timeouts.Model
	detail   detail.Model
	help     help.Model
	question confirm.Model
	status   status
}

// New returns a console on a source.
func New(source Source, opts ...Option) Model {
	o := newOptions(opts)
	t := theme.New(o.renderer.ColorProfile(), o.noColor)
	m := Model{
		source: source, options: o, theme: t, keys: DefaultKeyMap(),
		by:     order.By{Key: order.In, Desc: true},
		ended:  map[tracker.FlowID]ending{},
		marked: map[tracker.FlowID]tracker.Ref{},
		flows:  table.New(t), log: events.New(t), limits: timeouts.New(t),
		now: o.clock(),
	}
	m.keys.Export.SetEnabled(o.export != nil)
	m.help = help.New(t, m.keys.sections())
	m.flows.SetBy(m.by)
	m.flows.SetMarked(m.marked)
	return m
}

// Init looks at the source for the first time.
func (m Model) Init() tea.Cmd {
	return m.poll()
}
