package ui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"ctop/internal/filter"
	"ctop/internal/names"
	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/events"
	"ctop/ui/flows"
	"ctop/ui/leaving"
	"ctop/ui/page"
	"ctop/ui/talkers"
	"ctop/ui/theme"
)

// DefaultInterval is the time between two looks at the source.
const DefaultInterval = 500 * time.Millisecond

// Export writes flows in their order on the screen, and returns where. It does not run
// on the console's goroutine.
type Export = flows.Export

// Ending decides whether the tracker ends with its owner's console.
type Ending = leaving.Ending

// Option configures a console.
type Option func(*options)

type options struct {
	renderer *lipgloss.Renderer
	clock    func() time.Time
	interval time.Duration
	noColor  bool
	export   Export
	// exportEvents and exportGroups write what the other pages show.
	exportEvents events.Export
	exportGroups talkers.Export
	role         string
	actor        flow.Actor
	refuse       func(Attempt) error
	// exportElsewhere returns a command that exports to the operator's machine.
	exportElsewhere func(what, filter string) string
	suspends        bool
	capturer        Capturer
	ending          Ending
	sessions        Sessions
	past            Past
	fleet           Fleet
	door            func() (Room, error)
	extra           *Extra
	// leave closes a console over another one.
	leave     func() tea.Cmd
	deck      Deck
	resolver  names.Resolver
	look      theme.Look
	settings  Settings
	sort      string
	view      string
	keptViews bool
	ascii     bool
	// compared is the snapshot with which the flows are compared, nil if there is none.
	compared     *flow.Snapshot
	comparedFrom string
	filter       filter.Filter
	link         func() int
	// width and height are those of a terminal that does not know its own.
	width, height int
}

// shortestInterval keeps a typing error from burning a core.
const shortestInterval = 50 * time.Millisecond

// Resolver returns the name of an address. It does not run on the console's goroutine,
// and several calls may run at a time.
type Resolver = names.Resolver

// WithResolver enables names of addresses. They are looked up only while the operator
// wants names. Without it only ports have names. A remote session has no resolver, so
// it sends no queries from this machine.
func WithResolver(r Resolver) Option {
	return func(o *options) { o.resolver = r }
}

// Look selects the styles.
type Look = theme.Look

// The looks. LookAuto asks the terminal for its background.
const (
	LookAuto  = theme.Auto
	LookDark  = theme.Dark
	LookLight = theme.Light
)

// WithLook selects the styles for a dark or a light background.
func WithLook(l Look) Option {
	return func(o *options) { o.look = l }
}

// profile returns the profile that the renderer was made with. The renderer's
// ColorProfile reads the environment instead.
func (o options) profile() termenv.Profile { return o.renderer.Output().Profile }

// light reports whether the background is light. It asks the terminal only if the
// answer matters.
func (o options) light() bool {
	if o.look == theme.Auto && !o.noColor && o.profile() != termenv.Ascii {
		return !o.renderer.HasDarkBackground()
	}
	return o.look == theme.Light
}

// WithRenderer sets the renderer. Its terminal's clipboard gets copies. The default is
// the renderer of the process.
func WithRenderer(r *lipgloss.Renderer) Option {
	return func(o *options) { o.renderer = r }
}

// WithClock replaces the clock.
func WithClock(now func() time.Time) Option {
	return func(o *options) { o.clock = now }
}

// WithInterval sets the time between two looks at the source.
func WithInterval(d time.Duration) Option {
	return func(o *options) { o.interval = d }
}

// WithNoColor disables colours, but not bold, reverse and the like.
func WithNoColor() Option {
	return func(o *options) { o.noColor = true }
}

// WithASCII draws for a terminal that shows nothing but ASCII.
func WithASCII() Option {
	return func(o *options) { o.ascii = true }
}

// WithSort sets the initial order, as in "in_rate" or "age:asc". It overrides the
// settings.
func WithSort(by string) Option {
	return func(o *options) { o.sort = by }
}

// WithExport enables the key that exports the view.
func WithExport(e Export) Option {
	return func(o *options) { o.export = e }
}

// Capturer captures packets.
type Capturer = acting.Capturer

// Capture is a capture that runs or has ended.
type Capture = acting.Capture

// WithCapturer enables the keys that capture packets. The caller must end the capture
// that runs when the console has ended.
func WithCapturer(c Capturer) Option {
	return func(o *options) { o.capturer = c }
}

// WithExportOf enables it on the pages of events and talkers, too.
func WithExportOf(e events.Export, g talkers.Export) Option {
	return func(o *options) { o.exportEvents, o.exportGroups = e, g }
}

// WithSuspend adds Ctrl-Z to the help. The caller must implement it, and should do so
// only if a shell can resume the program.
func WithSuspend() Option {
	return func(o *options) { o.suspends = true }
}

// WithSize sets the size for a terminal that reports 0×0, as a serial line or an old
// client does. The default is 80×24.
func WithSize(width, height int) Option {
	return func(o *options) {
		if width > 0 && height > 0 {
			o.width, o.height = width, height
		}
	}
}

// WithFilter sets the initial filter.
func WithFilter(f filter.Filter) Option {
	return func(o *options) { o.filter = f }
}

// Attempt is the act of a key, which may be refused.
type Attempt = page.Attempt

// DeletingMeans returns the effect of deleting flows of a tracker.
func DeletingMeans(s *flow.Snapshot) string { return acting.DeletingMeans(s) }

// ResettingMeans returns the effect of resetting flows.
func ResettingMeans(refs []flow.Ref) string { return acting.ResettingMeans(refs) }

// ResetText returns the result of a reset as a text.
func ResetText(o flow.Outcome) string { return acting.ResetText(o) }

// WithRole shows the operator's role in the header.
func WithRole(role string) Option {
	return func(o *options) { o.role = role }
}

// WithLink tells of a slow link: of so many frames, one is shown. every does not run on
// the console's goroutine.
func WithLink(every func() int) Option {
	return func(o *options) { o.link = every }
}

// WithRefusal refuses every key that acts, with the error of refuse, before any
// question. refuse does not run on the console's goroutine.
func WithRefusal(refuse func(Attempt) error) Option {
	return func(o *options) { o.refuse = refuse }
}

// WithExportElsewhere makes the export key show a command that exports what the filter
// shows, flows or events, to the operator's machine. A remote session cannot write files
// on this machine.
func WithExportElsewhere(command func(what, filter string) string) Option {
	return func(o *options) { o.exportElsewhere = command }
}

// The kinds of data that a console exports elsewhere.
const (
	ExportFlows  = "flows"
	ExportEvents = "events"
)

// elsewhere returns the command that exports one kind, nil if there is none.
func (o options) elsewhere(what string) page.Elsewhere {
	if o.exportElsewhere == nil {
		return nil
	}
	return func(filter string) string { return o.exportElsewhere(what, filter) }
}

// WithEnding makes the console ask whether to end the tracker before it quits. Without
// it the console quits at once.
func WithEnding(e Ending) Option {
	return func(o *options) { o.ending = e }
}

func newOptions(opts []Option) options {
	o := options{
		renderer: lipgloss.DefaultRenderer(),
		clock:    time.Now,
		interval: DefaultInterval,
		width:    80,
		height:   24,
	}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}
