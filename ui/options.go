package ui

import (
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"ctop/internal/filter"
	"ctop/internal/names"
	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/flows"
	"ctop/ui/leaving"
	"ctop/ui/page"
	"ctop/ui/theme"
)

// DefaultInterval is the time between two looks at the source.
const DefaultInterval = 500 * time.Millisecond

// Export writes flows, in the order in which they are shown, and says where.
// It runs off the console's goroutine.
type Export = flows.Export

// Ending decides what becomes of the tracker when its owner's console quits.
type Ending = leaving.Ending

// Option changes how a console is made.
type Option func(*options)

type options struct {
	renderer *lipgloss.Renderer
	clock    func() time.Time
	interval time.Duration
	noColor  bool
	export   Export
	role     string
	actor    flow.Actor
	refuse   func(Attempt) error
	// exportElsewhere is the command that exports from elsewhere.
	exportElsewhere func(filter string) string
	suspends        bool
	ending          Ending
	sessions        Sessions
	resolver        names.Resolver
	look            theme.Look
	settings        Settings
	sort            string
	filter          filter.Filter
	// width and height are those of a terminal that does not know its own.
	width, height int
}

// shortestInterval keeps a typing error from burning a core.
const shortestInterval = 50 * time.Millisecond

// Resolver returns the name of an address. It runs off the console's goroutine,
// for some addresses at a time.
type Resolver = names.Resolver

// WithResolver lets the console show names of addresses, which are asked for
// only while that is wanted. Without it only ports have names: a session from
// elsewhere has no business sending queries from here.
func WithResolver(r Resolver) Option {
	return func(o *options) { o.resolver = r }
}

// Look is what the styles are made for.
type Look = theme.Look

// The looks. LookAuto asks the terminal for its background.
const (
	LookAuto  = theme.Auto
	LookDark  = theme.Dark
	LookLight = theme.Light
)

// WithLook chooses styles for a dark or a light background.
func WithLook(l Look) Option {
	return func(o *options) { o.look = l }
}

// profile is what the renderer was made with. Its own ColorProfile forgets that
// and looks at the environment.
func (o options) profile() termenv.Profile { return o.renderer.Output().Profile }

// light reports whether the background is light. A terminal is asked only where
// the answer changes anything.
func (o options) light() bool {
	if o.look == theme.Auto && !o.noColor && o.profile() != termenv.Ascii {
		return !o.renderer.HasDarkBackground()
	}
	return o.look == theme.Light
}

// WithRenderer draws for the terminal of a renderer, and copies to its
// clipboard. The default is the one of the process.
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

// WithNoColor leaves bold, reverse and the like, and no colours.
func WithNoColor() Option {
	return func(o *options) { o.noColor = true }
}

// WithSort begins with an order, as in "in" or "age:asc", in place of the one that
// the settings have.
func WithSort(by string) Option {
	return func(o *options) { o.sort = by }
}

// WithExport enables the key that exports the view.
func WithExport(e Export) Option {
	return func(o *options) { o.export = e }
}

// WithSuspend says in the help that Ctrl-Z suspends. Who runs the program does
// that, where there is somebody to go on with it.
func WithSuspend() Option {
	return func(o *options) { o.suspends = true }
}

// WithSize says how large the terminal is if it does not know, 80×24 where no
// option does: a serial line or an old client reports 0×0.
func WithSize(width, height int) Option {
	return func(o *options) {
		if width > 0 && height > 0 {
			o.width, o.height = width, height
		}
	}
}

// WithFilter begins with a filter.
func WithFilter(f filter.Filter) Option {
	return func(o *options) { o.filter = f }
}

// Attempt is an act that is refused at its key.
type Attempt = page.Attempt

// DeletingMeans says what becomes of flows that are deleted under a policy.
func DeletingMeans(p flow.Policy) string { return acting.DeletingMeans(p) }

// ResettingMeans says what becomes of flows that are reset.
func ResettingMeans(refs []flow.Ref) string { return acting.ResettingMeans(refs) }

// ResetText says what became of flows that were to be reset.
func ResetText(o flow.Outcome) string { return acting.ResetText(o) }

// WithRole says in the header as whom the operator is here.
func WithRole(role string) Option {
	return func(o *options) { o.role = role }
}

// WithRefusal has every key that acts answer with the error of refuse, before
// anything is asked. It runs off the console's goroutine.
func WithRefusal(refuse func(Attempt) error) Option {
	return func(o *options) { o.refuse = refuse }
}

// WithExportElsewhere has the export key say a command that exports what a
// filter shows to where the operator sits: a session from elsewhere has no
// business writing files here.
func WithExportElsewhere(command func(filter string) string) Option {
	return func(o *options) { o.exportElsewhere = command }
}

// WithEnding asks what is to become of the tracker before the console quits. Without
// it the console quits unasked.
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
